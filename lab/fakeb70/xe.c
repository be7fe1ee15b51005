// SPDX-License-Identifier: GPL-2.0
/*
 * xe - stand-in for the kernel's driver of Intel Arc Pro B70 cards, on the trees of fakeb70.
 *
 * Binds by the true ids, takes the true module options, loads the true firmware paths, and shows the
 * files, log lines and runtime power management that a host's tools look at. It drives nothing: a
 * node under /dev/dri cannot be opened. Like the real driver it lets a bound card sleep when idle
 * (power/control becomes "auto" at bind, drivers/gpu/drm/xe/xe_pm.c), and reading
 * auto_link_downgrade_* wakes the card (xe_device_sysfs.c). It makes the class "drm" itself, so it
 * has to come before the kernel's own drm module where there is one; the initramfs sees to that.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/firmware.h>
#include <linux/hwmon.h>
#include <linux/idr.h>
#include <linux/jiffies.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#include "smbios.h"

#define CARDS		8
#define SMBIOS_PREFIX	"b70lab-xe:"
#define DRM_MAJOR	226
#define GUC_FILE	"xe/bmg_guc_70.bin"
#define HUC_FILE	"xe/bmg_huc.bin"
/* where the stand-in firmware carries major << 16 | minor << 8 | patch (uc_css_header.sw_version) */
#define FIRMWARE_VERSION_AT	64
/* idle time until a card sleeps, as in the real driver */
#define AUTOSUSPEND_MS	1000
/* how often a late card is looked at */
#define LATE_STEP_MS	250
#define VRAM_BYTES	34242297856ull
#define MIB		(1ull << 20)

#define OPTION(type, name, value)	\
	static type name = value;	\
	module_param(name, type, 0444)
#define TEXT(name, value)		\
	static char *name = value;	\
	module_param(name, charp, 0444)
#define PER_CARD(name, value, mode)				\
	static int name[CARDS] = { [0 ... CARDS - 1] = value };	\
	module_param_array(name, int, NULL, mode)

/* options of the real driver; they are taken and shown */
OPTION(bool, disable_display, false);
OPTION(bool, probe_display, true);
OPTION(int, guc_log_level, 3);
OPTION(int, max_vfs, 0);
OPTION(int, vram_bar_size, 0);
OPTION(int, wedged_mode, 1);
TEXT(force_probe, "");
TEXT(guc_firmware_path, "");
TEXT(huc_firmware_path, "");

/* knobs of the lab, per card in order of PCI address */
PER_CARD(bind_delay_ms, 0, 0644);
PER_CARD(dg_capable, 1, 0644);
PER_CARD(dg_status, 0, 0644);
PER_CARD(survivability, 0, 0644);
PER_CARD(idle_vram_mib, 24, 0644);
PER_CARD(wakes, 0, 0444);
/* oldest GuC that satisfies the driver, as MAJOR.MINOR.PATCH */
TEXT(guc_wanted, "70.54.0");

static const struct setting settings[] = {
	{ "bind_delay_ms", bind_delay_ms, CARDS },
	{ "dg_capable", dg_capable, CARDS },
	{ "dg_status", dg_status, CARDS },
	{ "survivability", survivability, CARDS },
	{ "idle_vram_mib", idle_vram_mib, CARDS },
};

struct card {
	int index;
	int minor;
	struct pci_dev *pci;
	struct device *primary, *render, *hwmon;
	struct kobject *tile, *gt, *freq;
	struct dentry *debug;
	unsigned long cap_uw;
};

static struct class *drm_class;
static struct dentry *debug_root;
static DEFINE_IDA(minors);
static unsigned long loaded_at;

static struct class *make_class(const char *name)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return class_create(name);
#else
	return class_create(THIS_MODULE, name);
#endif
}

/* The place of a card among all cards of its kind, in order of PCI address. */
static int index_of(struct pci_dev *pci)
{
	struct pci_dev *other = NULL;
	int index = 0;

	while ((other = pci_get_device(pci->vendor, PCI_ANY_ID, other))) {
		if (other->class >> 16 != PCI_BASE_CLASS_DISPLAY)
			continue;
		if (pci_domain_nr(other->bus) == pci_domain_nr(pci->bus) &&
		    other->bus->number < pci->bus->number)
			index++;
	}
	return min(index, CARDS - 1);
}

/* ---- files of the PCI function ---- */

static ssize_t woken(struct device *dev, char *out, const int *values)
{
	struct card *card = dev_get_drvdata(dev);
	ssize_t length;

	if (pm_runtime_get_sync(dev) == 0)
		wakes[card->index]++;
	length = sysfs_emit(out, "%d\n", values[card->index]);
	pm_runtime_mark_last_busy(dev);
	pm_runtime_put_autosuspend(dev);
	return length;
}

static ssize_t auto_link_downgrade_capable_show(struct device *dev, struct device_attribute *attr,
						char *out)
{
	return woken(dev, out, dg_capable);
}

static ssize_t auto_link_downgrade_status_show(struct device *dev, struct device_attribute *attr,
					       char *out)
{
	return woken(dev, out, dg_status);
}

static ssize_t vram_d3cold_threshold_show(struct device *dev, struct device_attribute *attr,
					  char *out)
{
	return sysfs_emit(out, "300\n");
}

static ssize_t survivability_mode_show(struct device *dev, struct device_attribute *attr, char *out)
{
	return sysfs_emit(out, "Survivability mode type: Boot\n");
}

static DEVICE_ATTR_ADMIN_RO(auto_link_downgrade_capable);
static DEVICE_ATTR_ADMIN_RO(auto_link_downgrade_status);
static DEVICE_ATTR_RO(vram_d3cold_threshold);
static DEVICE_ATTR_ADMIN_RO(survivability_mode);

static struct attribute *card_attrs[] = {
	&dev_attr_auto_link_downgrade_capable.attr,
	&dev_attr_auto_link_downgrade_status.attr,
	&dev_attr_vram_d3cold_threshold.attr,
	NULL
};
static const struct attribute_group card_group = { .attrs = card_attrs };

#define FREQUENCY(name, mhz)								\
	static ssize_t name##_show(struct kobject *k, struct kobj_attribute *a, char *out)	\
	{										\
		return sysfs_emit(out, "%d\n", mhz);					\
	}										\
	static struct kobj_attribute name##_attr = __ATTR_RO(name)
FREQUENCY(min_freq, 400);
FREQUENCY(max_freq, 2800);
FREQUENCY(cur_freq, 400);
FREQUENCY(act_freq, 0);
FREQUENCY(rp0_freq, 2800);
FREQUENCY(rpe_freq, 1600);
FREQUENCY(rpn_freq, 400);

static const struct attribute *frequencies[] = {
	&min_freq_attr.attr, &max_freq_attr.attr, &cur_freq_attr.attr, &act_freq_attr.attr,
	&rp0_freq_attr.attr, &rpe_freq_attr.attr, &rpn_freq_attr.attr, NULL
};

/* ---- hwmon ---- */

static ssize_t power1_cap_show(struct device *dev, struct device_attribute *attr, char *out)
{
	struct card *card = dev_get_drvdata(dev);

	return sysfs_emit(out, "%lu\n", card->cap_uw);
}

static ssize_t power1_cap_store(struct device *dev, struct device_attribute *attr, const char *in,
				size_t length)
{
	struct card *card = dev_get_drvdata(dev);
	unsigned long asked;
	int error = kstrtoul(in, 0, &asked);

	if (error)
		return error;
	card->cap_uw = min(asked, 275000000ul);		/* the hardware clamps to its rating */
	return length;
}

static ssize_t power1_rated_max_show(struct device *dev, struct device_attribute *attr, char *out)
{
	return sysfs_emit(out, "275000000\n");
}

static DEVICE_ATTR_RW(power1_cap);
static DEVICE_ATTR_RO(power1_rated_max);

static struct attribute *hwmon_attrs[] = {
	&dev_attr_power1_cap.attr, &dev_attr_power1_rated_max.attr, NULL
};
ATTRIBUTE_GROUPS(hwmon);

#if IS_REACHABLE(CONFIG_HWMON)

static int __init init_hwmon(void)
{
	return 0;
}

static void exit_hwmon(void)
{
}

static struct device *add_hwmon(struct card *card)
{
	return hwmon_device_register_with_groups(&card->pci->dev, "xe", card, hwmon_groups);
}

static void remove_hwmon(struct device *hwmon)
{
	hwmon_device_unregister(hwmon);
}

#else	/* Debian's cloud kernels: the same files from a class of our own */

static struct class *hwmon_class;

static ssize_t name_show(struct device *dev, struct device_attribute *attr, char *out)
{
	return sysfs_emit(out, "xe\n");
}

static DEVICE_ATTR_RO(name);

static int __init init_hwmon(void)
{
	hwmon_class = make_class("hwmon");
	return PTR_ERR_OR_ZERO(hwmon_class);
}

static void exit_hwmon(void)
{
	class_destroy(hwmon_class);
}

static struct device *add_hwmon(struct card *card)
{
	struct device *hwmon = device_create_with_groups(hwmon_class, &card->pci->dev, 0, card,
							 hwmon_groups, "hwmon%d", card->minor + 1);

	if (!IS_ERR(hwmon) && device_create_file(hwmon, &dev_attr_name))
		dev_warn(hwmon, "no name\n");
	return hwmon;
}

static void remove_hwmon(struct device *hwmon)
{
	device_unregister(hwmon);
}

#endif

/* ---- debugfs ---- */

static int vram_show(struct seq_file *out, void *unused)
{
	struct card *card = out->private;
	u64 used = idle_vram_mib[card->index] * MIB;

	seq_printf(out, "  default_page_size: 4KiB\n  size: %llu\n  usage: %llu\n", VRAM_BYTES, used);
	seq_printf(out, "  visible_avail: %lluMiB\n  visible_size: %lluMiB\n",
		   (pci_resource_len(card->pci, 2) - min(used, pci_resource_len(card->pci, 2))) / MIB,
		   pci_resource_len(card->pci, 2) / MIB);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vram);

static int drm_name_show(struct seq_file *out, void *unused)
{
	struct card *card = out->private;

	seq_printf(out, "xe dev=%s unique=%s\n", pci_name(card->pci), pci_name(card->pci));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(drm_name);

/* ---- firmware ---- */

static u32 wanted_version(void)
{
	unsigned int major = 0, minor = 0, patch = 0;

	if (sscanf(guc_wanted, "%u.%u.%u", &major, &minor, &patch) != 3)
		return 0;
	return major << 16 | minor << 8 | patch;
}

static int load(struct card *card, const char *kind, const char *override, const char *path,
		u32 wanted)
{
	struct device *dev = &card->pci->dev;
	const struct firmware *blob;
	u32 version = 0;
	int error;

	if (*override)
		path = override;
	error = firmware_request_nowarn(&blob, path, dev);
	if (error) {
		dev_err(dev, "[drm] *ERROR* Tile0: GT0: %s firmware %s: fetch failed with error %d\n",
			kind, path, error);
		return error;
	}
	if (blob->size >= FIRMWARE_VERSION_AT + sizeof(version))
		version = get_unaligned_le32(blob->data + FIRMWARE_VERSION_AT);
	release_firmware(blob);
	if (version < wanted)
		dev_notice(dev, "[drm] Tile0: GT0: %s firmware (%s) is recommended, but only (%u.%u.%u) was found in %s\n",
			   kind, guc_wanted, version >> 16, version >> 8 & 255, version & 255, path);
	dev_info(dev, "[drm] Tile0: GT0: Using %s firmware from %s version %u.%u.%u\n", kind, path,
		 version >> 16, version >> 8 & 255, version & 255);
	return 0;
}

/* ---- driver ---- */

static void add_nodes(struct card *card)
{
	struct device *dev = &card->pci->dev;

	/* number 0 belongs to the console's display on most boards */
	card->primary = device_create(drm_class, dev, MKDEV(DRM_MAJOR, card->minor + 1), NULL,
				      "card%d", card->minor + 1);
	card->render = device_create(drm_class, dev, MKDEV(DRM_MAJOR, card->minor + 128), NULL,
				     "renderD%d", card->minor + 128);
	card->hwmon = add_hwmon(card);
	card->tile = kobject_create_and_add("tile0", &dev->kobj);
	card->gt = kobject_create_and_add("gt0", card->tile);
	card->freq = kobject_create_and_add("freq0", card->gt);
	if (!card->freq || sysfs_create_files(card->freq, frequencies))
		dev_warn(dev, "no frequency files\n");
	card->debug = debugfs_create_dir(pci_name(card->pci), debug_root);
	debugfs_create_file("name", 0444, card->debug, card, &drm_name_fops);
	debugfs_create_file("vram0_mm", 0444, card->debug, card, &vram_fops);
}

static int xe_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct device *dev = &pci->dev;
	struct card *card;
	int index = index_of(pci), error;

	/* a late card: not refused and not waited for, bound by bind_late when its time has come */
	if (time_before(jiffies, loaded_at + msecs_to_jiffies(bind_delay_ms[index])))
		return -EPROBE_DEFER;
	card = devm_kzalloc(dev, sizeof(*card), GFP_KERNEL);
	if (!card)
		return -ENOMEM;
	card->index = index;
	card->minor = -1;
	card->pci = pci;
	card->cap_uw = 275000000;
	pci_set_drvdata(pci, card);
	if (survivability[index]) {
		dev_info(dev, "Survivability Boot Status : Critical Failure (14)\n");
		dev_err(dev, "In Survivability Mode\n");
		return device_create_file(dev, &dev_attr_survivability_mode);
	}
	error = load(card, "GuC", guc_firmware_path, GUC_FILE, wanted_version());
	if (!error)
		error = load(card, "HuC", huc_firmware_path, HUC_FILE, 0);
	if (error)
		return error;
	if (pci_resource_len(pci, 2) < 1024 * MIB)
		dev_info(dev, "[drm] Small BAR device\n");
	card->minor = ida_alloc_range(&minors, 0, CARDS - 1, GFP_KERNEL);
	if (card->minor < 0)
		return card->minor;
	error = sysfs_create_group(&dev->kobj, &card_group);
	if (error) {
		ida_free(&minors, card->minor);
		return error;
	}
	add_nodes(card);
	/* what the real driver does when it is done: the card may sleep from now on */
	pm_runtime_set_autosuspend_delay(dev, AUTOSUSPEND_MS);
	pm_runtime_use_autosuspend(dev);
	pm_runtime_allow(dev);
	pm_runtime_mark_last_busy(dev);
	pm_runtime_put_autosuspend(dev);
	dev_info(dev, "[drm] Initialized xe 1.1.0 for %s on minor %d\n", pci_name(pci), card->minor);
	return 0;
}

static void xe_remove(struct pci_dev *pci)
{
	struct card *card = pci_get_drvdata(pci);
	struct device *dev = &pci->dev;

	if (card->minor < 0) {
		device_remove_file(dev, &dev_attr_survivability_mode);
		return;
	}
	pm_runtime_get_sync(dev);
	pm_runtime_forbid(dev);
	pm_runtime_dont_use_autosuspend(dev);
	debugfs_remove_recursive(card->debug);
	if (card->freq)
		sysfs_remove_files(card->freq, frequencies);
	kobject_put(card->freq);
	kobject_put(card->gt);
	kobject_put(card->tile);
	if (!IS_ERR(card->hwmon))
		remove_hwmon(card->hwmon);
	device_destroy(drm_class, MKDEV(DRM_MAJOR, card->minor + 128));
	device_destroy(drm_class, MKDEV(DRM_MAJOR, card->minor + 1));
	ida_free(&minors, card->minor);
	sysfs_remove_group(&dev->kobj, &card_group);
}

/* The PCI core puts the function into D3 and back; there is nothing to save. */
static int __maybe_unused xe_nothing(struct device *dev)
{
	return 0;
}

static const struct dev_pm_ops xe_pm_ops = {
	SET_RUNTIME_PM_OPS(xe_nothing, xe_nothing, NULL)
};

static const struct pci_device_id xe_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0xe223) },
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0xe222) },
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0xe211) },
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0xe212) },
	{ }
};
MODULE_DEVICE_TABLE(pci, xe_ids);

static struct pci_driver xe_driver = {
	.name = "xe",
	.id_table = xe_ids,
	.probe = xe_probe,
	.remove = xe_remove,
	.driver = {
		.pm = &xe_pm_ops,
	},
};

static void bind_late(struct work_struct *work);
static DECLARE_DELAYED_WORK(late_work, bind_late);

/* Try every unbound card again, and once more as long as one is not due. */
static void bind_late(struct work_struct *work)
{
	int i, last = 0;

	for (i = 0; i < CARDS; i++)
		last = max(last, bind_delay_ms[i]);
	if (driver_attach(&xe_driver.driver))
		pr_warn("late cards are not bound\n");
	if (time_before(jiffies, loaded_at + msecs_to_jiffies(last + LATE_STEP_MS)))
		schedule_delayed_work(&late_work, msecs_to_jiffies(LATE_STEP_MS));
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
static char *dri_node(const struct device *dev, umode_t *mode)
#else
static char *dri_node(struct device *dev, umode_t *mode)
#endif
{
	return kasprintf(GFP_KERNEL, "dri/%s", dev_name(dev));
}

static int __init xe_init(void)
{
	int error;

	loaded_at = jiffies;
	read_smbios(SMBIOS_PREFIX, settings, ARRAY_SIZE(settings));
	drm_class = make_class("drm");
	if (IS_ERR(drm_class))
		return PTR_ERR(drm_class);
	drm_class->devnode = dri_node;
	error = init_hwmon();
	if (error)
		goto no_hwmon;
	debug_root = debugfs_create_dir("dri", NULL);
	error = pci_register_driver(&xe_driver);
	if (!error) {
		schedule_delayed_work(&late_work, msecs_to_jiffies(LATE_STEP_MS));
		return 0;
	}
	debugfs_remove_recursive(debug_root);
	exit_hwmon();
no_hwmon:
	class_destroy(drm_class);
	return error;
}

static void __exit xe_exit(void)
{
	cancel_delayed_work_sync(&late_work);
	pci_unregister_driver(&xe_driver);
	debugfs_remove_recursive(debug_root);
	exit_hwmon();
	class_destroy(drm_class);
	ida_destroy(&minors);
}

module_init(xe_init);
module_exit(xe_exit);
MODULE_FIRMWARE(GUC_FILE);
MODULE_FIRMWARE(HUC_FILE);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Stand-in for the driver of Intel Arc Pro B70 cards");

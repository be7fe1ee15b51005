// SPDX-License-Identifier: GPL-2.0
/*
 * What a lab machine that runs as User-mode Linux has instead of firmware; built into its kernel.
 *
 * Hardware comes from the supervisor's environment (B70LAB_HARDWARE, a word a line): it is taken like
 * arguments, but /proc/cmdline shows only what the boot entry passed. The board is shown where tools
 * look for it, in /sys/class/dmi/id. A panic prints how long the kernel means to wait, since the
 * process that it is ends at once.
 */
#include <linux/device.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/string.h>
#include <asm/setup.h>
#include <os.h>

/* libc's: this kernel is a program. Its main() passes the environment on in some versions only. */
char *getenv(const char *name);

static char *serial = "", *board = "", *cards = "", *driver = "";
module_param(serial, charp, 0);
module_param(board, charp, 0);
module_param(cards, charp, 0);
module_param(driver, charp, 0);

static char given[COMMAND_LINE_SIZE], parsed[2 * COMMAND_LINE_SIZE];

/* Called by um_arch.c before the kernel starts; `take` is how it takes its own arguments. */
void __init b70lab_hardware(void (*take)(char *line, int *add));
void __init b70lab_hardware(void (*take)(char *line, int *add))
{
	const char *words = getenv("B70LAB_HARDWARE");
	char *rest = given, *word;
	int add;

	if (!words)
		return;
	strscpy(given, words, sizeof(given));
	while ((word = strsep(&rest, "\n"))) {
		add = 1;
		if (*word)
			take(word, &add);
		if (*word && add) {
			strlcat(parsed, word, sizeof(parsed));
			strlcat(parsed, " ", sizeof(parsed));
		}
	}
}

/* What the kernel parses: its hardware, then what the boot entry passed and /proc/cmdline shows. */
char *__init b70lab_command_line(const char *shown);
char *__init b70lab_command_line(const char *shown)
{
	strlcat(parsed, shown, sizeof(parsed));
	return parsed;
}

/* Tell the supervisor what sysctl kernel.panic (or panic=) says at this moment. */
void b70lab_panic(void);
void b70lab_panic(void)
{
	os_warn("b70lab: panic_timeout=%d\n", panic_timeout);
}

/* The SMBIOS type 11 strings of an emulated machine; 0: the tree of its cards, 1: their driver. */
const char *b70lab_string(int which);
const char *b70lab_string(int which)
{
	return which ? driver : cards;
}
EXPORT_SYMBOL_GPL(b70lab_string);

#define TEXT(name, value, mode)								\
	static ssize_t name##_show(struct device *dev, struct device_attribute *attr, char *out)	\
	{										\
		return sysfs_emit(out, "%s\n", value);					\
	}										\
	static struct device_attribute dev_attr_##name = __ATTR(name, mode, name##_show, NULL)
TEXT(sys_vendor, "b70lab", 0444);
TEXT(product_name, "virtual rig", 0444);
TEXT(product_serial, serial, 0400);
TEXT(board_vendor, "b70lab", 0444);
TEXT(board_name, board, 0444);

static struct attribute *board_attrs[] = {
	&dev_attr_sys_vendor.attr, &dev_attr_product_name.attr, &dev_attr_product_serial.attr,
	&dev_attr_board_vendor.attr, &dev_attr_board_name.attr, NULL
};
ATTRIBUTE_GROUPS(board);

static struct class dmi = { .name = "dmi", .dev_groups = board_groups };

static int __init b70lab_init(void)
{
	int error = class_register(&dmi);

	if (error)
		return error;
	return PTR_ERR_OR_ZERO(device_create(&dmi, NULL, 0, NULL, "id"));
}
device_initcall(b70lab_init);

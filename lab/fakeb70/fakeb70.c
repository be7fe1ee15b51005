// SPDX-License-Identifier: GPL-2.0
/*
 * fakeb70 - the hardware of a rig: PCI host bridges in software, with N Intel Arc Pro B70 cards.
 *
 *   root port -> [PEX switch] -> 8086:e2ff (card, upstream port)
 *                                  -> 8086:e2f0 (downstream) -> 8086:e223 GPU
 *                                  -> 8086:e2f1 (downstream) -> 8086:e2f7 audio
 *
 * A real kernel enumerates them, so that current_link_speed, ASPM, AER, ReBAR and resources are the
 * kernel's own work. Link Capabilities and Status are computed from the parameters at read time:
 * `echo 4,5,5,5 >/sys/module/fakeb70/parameters/cur_gen` acts like a retrain.
 *
 * What the rig looks like when the kernel starts comes from SMBIOS (QEMU: -smbios type=11,value=...),
 * as "b70lab:cards=2;cur_width=16,8": a boot then needs no file and no kernel argument of the lab's.
 * (User-mode Linux: from its supervisor, see smbios.h.)
 *
 * Only for throw-away virtual machines: no BAR has memory behind it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/log2.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "smbios.h"

#define CARDS		8
/* root port, switch port, card upstream, two downstream ports, GPU, audio; and the switch uplink */
#define FUNCTIONS	(CARDS * 7 + 1)
#define SMBIOS_PREFIX	"b70lab:"
#define CAP_PM		0x40
#define CAP_MSI		0x50
#define CAP_EXP		0x70
#define ECAP_AER	0x100
#define ECAP_REBAR	0x420

#define PER_CARD(name, value, mode)				\
	static int name[CARDS] = { [0 ... CARDS - 1] = value };	\
	module_param_array(name, int, NULL, mode)
#define ONCE(name, value, mode)					\
	static int name = value;				\
	module_param(name, int, mode)

ONCE(cards, 4, 0444);
ONCE(domain, 0, 0444);
/* 1: all cards sit behind one switch and share its uplink */
ONCE(pex, 0, 0444);
ONCE(up_gen, 4, 0644);
ONCE(up_width, 16, 0644);
PER_CARD(devid, 0xe223, 0444);
/* 0: the slot is empty (or its card did not answer at power-on) */
PER_CARD(present, 1, 0444);
/* size of BAR 2; 256 = small BAR */
PER_CARD(rebar_mb, 32768, 0444);
/* negotiated slot link, and what its two ends can do */
PER_CARD(cur_gen, 5, 0644);
PER_CARD(cur_width, 16, 0644);
PER_CARD(card_gen, 5, 0644);
PER_CARD(card_width, 16, 0644);
PER_CARD(rp_gen, 5, 0644);
PER_CARD(rp_width, 16, 0644);
/* 1: the card's configuration space reads all-ones, as after a surprise removal */
PER_CARD(dead, 0, 0644);
/* root bus of each card; the GPU sits three buses further */
static int busbase[CARDS] = { 0x40, 0x80, 0xa0, 0xe0, 0x50, 0x60, 0x70, 0xc0 };
module_param_array(busbase, int, NULL, 0444);

static const struct setting settings[] = {
	{ "cards", &cards, 1 },
	{ "domain", &domain, 1 },
	{ "pex", &pex, 1 },
	{ "up_gen", &up_gen, 1 },
	{ "up_width", &up_width, 1 },
	{ "devid", devid, CARDS },
	{ "present", present, CARDS },
	{ "rebar_mb", rebar_mb, CARDS },
	{ "cur_gen", cur_gen, CARDS },
	{ "cur_width", cur_width, CARDS },
	{ "card_gen", card_gen, CARDS },
	{ "card_width", card_width, CARDS },
	{ "rp_gen", rp_gen, CARDS },
	{ "rp_width", rp_width, CARDS },
	{ "busbase", busbase, CARDS },
};

enum kind { ROOT_PORT, PEX_UP, PEX_DOWN, CARD_UP, GPU_DOWN, AUDIO_DOWN, GPU, AUDIO };

struct function {
	enum kind kind;
	int card;			/* -1: shared by all cards */
	struct function *parent;	/* bridge above; NULL: on the root bus */
	int rootbus;			/* when parent is NULL */
	u8 devfn;
	u8 config[PCI_CFG_SPACE_EXP_SIZE];
	u8 writable[PCI_CFG_SPACE_EXP_SIZE];
};

struct root {
	struct pci_bus *bus;
#ifdef CONFIG_X86
	struct pci_sysdata sysdata;
#endif
	struct resource mem32, mem64, numbers;
};

static struct function *functions[FUNCTIONS];
static int function_count;
static struct root roots[CARDS];
static int root_count;

static void set8(struct function *f, int at, u8 value)
{
	f->config[at] = value;
}

static void set16(struct function *f, int at, u16 value)
{
	set8(f, at, value);
	set8(f, at + 1, value >> 8);
}

static void set32(struct function *f, int at, u32 value)
{
	set16(f, at, value);
	set16(f, at + 2, value >> 16);
}

static void allow16(struct function *f, int at, u16 mask)
{
	f->writable[at] = mask;
	f->writable[at + 1] = mask >> 8;
}

static void allow32(struct function *f, int at, u32 mask)
{
	allow16(f, at, mask);
	allow16(f, at + 2, mask >> 16);
}

static bool is_slot(const struct function *f)
{
	return f->kind == PEX_DOWN || (f->kind == ROOT_PORT && !pex);
}

static bool is_downstream(const struct function *f)
{
	return f->kind == ROOT_PORT || f->kind == PEX_DOWN || f->kind == GPU_DOWN ||
	       f->kind == AUDIO_DOWN;
}

static int bus_of(const struct function *f)
{
	return f->parent ? f->parent->config[PCI_SECONDARY_BUS] : f->rootbus;
}

static void refresh_link(struct function *f)
{
	int max_gen = 1, max_width = 1, gen = 1, width = 1;	/* links inside the card */
	int c = f->card;
	u32 cap;
	u16 status;

	if (f->kind == CARD_UP) {
		max_gen = card_gen[c];
		max_width = card_width[c];
		gen = cur_gen[c];
		width = cur_width[c];
	} else if (is_slot(f)) {
		max_gen = f->kind == PEX_DOWN ? 4 : rp_gen[c];
		max_width = rp_width[c];
		gen = cur_gen[c];
		width = cur_width[c];
	} else if (f->kind == ROOT_PORT || f->kind == PEX_UP) {
		max_gen = f->kind == PEX_UP ? 4 : rp_gen[0];
		max_width = 16;
		gen = up_gen;
		width = up_width;
	}
	/* ASPM L0s and L1 supported; ASPM optionality compliance */
	cap = (max_gen & 15) | (max_width & 63) << 4 | 3 << 10 | 1 << 22;
	status = (gen & 15) | (width & 63) << 4 | PCI_EXP_LNKSTA_SLC;
	if (is_downstream(f)) {
		cap |= PCI_EXP_LNKCAP_DLLLARC;
		if (width)
			status |= PCI_EXP_LNKSTA_DLLLA;
	}
	set32(f, CAP_EXP + PCI_EXP_LNKCAP, cap);
	set16(f, CAP_EXP + PCI_EXP_LNKSTA, status);
	set32(f, CAP_EXP + PCI_EXP_LNKCAP2, ((1 << max_gen) - 1) << 1);
}

static struct function *find(struct pci_bus *bus, unsigned int devfn)
{
	int i;

	for (i = 0; i < function_count; i++)
		if (functions[i]->devfn == devfn && bus_of(functions[i]) == bus->number)
			return functions[i];
	return NULL;
}

static int read_config(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *value)
{
	struct function *f = find(bus, devfn);
	int i;

	*value = ~0u;
	if (!f)
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (f->card >= 0 && dead[f->card] && !is_slot(f))
		return PCIBIOS_SUCCESSFUL;
	refresh_link(f);
	for (*value = 0, i = 0; i < size; i++)
		*value |= (u32)f->config[where + i] << (8 * i);
	return PCIBIOS_SUCCESSFUL;
}

static int write_config(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 value)
{
	struct function *f = find(bus, devfn);
	int i;

	if (!f)
		return PCIBIOS_DEVICE_NOT_FOUND;
	for (i = 0; i < size; i++) {
		u8 mask = f->writable[where + i];

		f->config[where + i] = (f->config[where + i] & ~mask) | (value >> (8 * i) & mask);
	}
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops config_ops = { .read = read_config, .write = write_config };

static void make_bar64(struct function *f, int bar, u64 size, u32 flags)
{
	int at = PCI_BASE_ADDRESS_0 + 4 * bar;
	u64 mask = ~(size - 1);

	set32(f, at, flags | PCI_BASE_ADDRESS_MEM_TYPE_64);
	allow32(f, at, (u32)mask & ~0xfu);
	allow32(f, at + 4, mask >> 32);
}

static void make_bridge(struct function *f)
{
	set8(f, PCI_HEADER_TYPE, PCI_HEADER_TYPE_BRIDGE);
	allow32(f, PCI_PRIMARY_BUS, ~0u);
	allow32(f, PCI_MEMORY_BASE, 0xfff0fff0);
	set32(f, PCI_PREF_MEMORY_BASE, 0x00010001);	/* 64 bit windows */
	allow32(f, PCI_PREF_MEMORY_BASE, 0xfff0fff0);
	allow32(f, PCI_PREF_BASE_UPPER32, ~0u);
	allow32(f, PCI_PREF_LIMIT_UPPER32, ~0u);
	allow16(f, PCI_BRIDGE_CONTROL, 0x007f);
}

static void make_capabilities(struct function *f, int port_type)
{
	u16 flags = 2 | port_type << 4;
	u32 devcap = 1 | PCI_EXP_DEVCAP_EXT_TAG | PCI_EXP_DEVCAP_RBER;

	set16(f, PCI_STATUS, PCI_STATUS_CAP_LIST);
	set8(f, PCI_CAPABILITY_LIST, CAP_PM);
	set8(f, CAP_PM, PCI_CAP_ID_PM);
	set8(f, CAP_PM + 1, CAP_MSI);
	set16(f, CAP_PM + PCI_PM_PMC, 0xc803);		/* PME from D3, version 3 */
	set16(f, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	allow16(f, CAP_PM + PCI_PM_CTRL, 0x0103);	/* PME status clears on write: it is never set */
	set8(f, CAP_MSI, PCI_CAP_ID_MSI);
	set8(f, CAP_MSI + 1, CAP_EXP);
	set16(f, CAP_MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT);
	allow16(f, CAP_MSI + PCI_MSI_FLAGS, 0x0071);
	allow32(f, CAP_MSI + PCI_MSI_ADDRESS_LO, ~3u);
	allow32(f, CAP_MSI + PCI_MSI_ADDRESS_HI, ~0u);
	allow16(f, CAP_MSI + PCI_MSI_DATA_64, 0xffff);
	allow32(f, CAP_MSI + PCI_MSI_MASK_64, 1);
	set8(f, CAP_EXP, PCI_CAP_ID_EXP);
	if (is_slot(f)) {
		flags |= PCI_EXP_FLAGS_SLOT;
		/* physical slot number, surprise removal reported */
		set32(f, CAP_EXP + PCI_EXP_SLTCAP, (f->card + 1) << 19 | 0x40040);
		set16(f, CAP_EXP + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
	}
	if (f->kind == GPU)
		devcap |= PCI_EXP_DEVCAP_FLR;
	set16(f, CAP_EXP + PCI_EXP_FLAGS, flags);
	set32(f, CAP_EXP + PCI_EXP_DEVCAP, devcap);
	set16(f, CAP_EXP + PCI_EXP_DEVCTL, 0x2910);
	allow16(f, CAP_EXP + PCI_EXP_DEVCTL, 0x7fff);
	allow16(f, CAP_EXP + PCI_EXP_LNKCTL, 0x0fdb);	/* Retrain Link always reads 0 */
	set16(f, CAP_EXP + PCI_EXP_LNKCTL2, 5);
	allow16(f, CAP_EXP + PCI_EXP_LNKCTL2, 0x000f);
	set32(f, ECAP_AER, PCI_EXT_CAP_ID_ERR | 2 << 16 | (f->kind == GPU ? ECAP_REBAR << 20 : 0));
	if (f->kind == GPU) {
		set32(f, ECAP_REBAR, PCI_EXT_CAP_ID_REBAR | 1 << 16);
		set32(f, ECAP_REBAR + PCI_REBAR_CAP, 0xffu << 12);	/* 256 MB to 32 GB */
		set32(f, ECAP_REBAR + PCI_REBAR_CTRL, 2 | 1 << 5 | ilog2(rebar_mb[f->card]) << 8);
	}
}

static struct function *make(enum kind kind, int card, struct function *parent, int devfn,
			     u32 id, u32 class, int port_type)
{
	struct function *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return NULL;
	f->kind = kind;
	f->card = card;
	f->parent = parent;
	f->devfn = devfn;
	set32(f, PCI_VENDOR_ID, id);
	set32(f, PCI_REVISION_ID, class << 8 | (kind == CARD_UP ? 1 : 0));
	allow16(f, PCI_COMMAND, 0x0547);
	allow16(f, PCI_INTERRUPT_LINE, 0x00ff);
	if (kind == GPU || kind == AUDIO)
		set32(f, PCI_SUBSYSTEM_VENDOR_ID, 0x17018086);
	else
		make_bridge(f);
	make_capabilities(f, port_type);
	refresh_link(f);
	functions[function_count++] = f;
	return f;
}

#define BRIDGE_CLASS	0x060400
#define INTEL(device)	(0x8086 | (u32)(device) << 16)
#define AMD(device)	(0x1022 | (u32)(device) << 16)
#define BROADCOM(device)	(0x1000 | (u32)(device) << 16)

static void number(struct function *f, int primary, int secondary, int last)
{
	set8(f, PCI_PRIMARY_BUS, primary);
	set8(f, PCI_SECONDARY_BUS, secondary);
	set8(f, PCI_SUBORDINATE_BUS, last);
}

/* Hang a card below a port; its upstream port is on `bus`. An empty slot keeps its numbers. */
static int make_card(struct function *port, int c, int bus)
{
	struct function *up, *gpu_port, *audio_port, *gpu, *audio;

	if (!present[c])
		return 0;
	up = make(CARD_UP, c, port, 0, INTEL(0xe2ff), BRIDGE_CLASS, PCI_EXP_TYPE_UPSTREAM);
	gpu_port = make(GPU_DOWN, c, up, PCI_DEVFN(1, 0), INTEL(0xe2f0), BRIDGE_CLASS,
			PCI_EXP_TYPE_DOWNSTREAM);
	audio_port = make(AUDIO_DOWN, c, up, PCI_DEVFN(2, 0), INTEL(0xe2f1), BRIDGE_CLASS,
			  PCI_EXP_TYPE_DOWNSTREAM);
	gpu = make(GPU, c, gpu_port, 0, INTEL(devid[c]), 0x030000, PCI_EXP_TYPE_ENDPOINT);
	audio = make(AUDIO, c, audio_port, 0, INTEL(0xe2f7), 0x040300, PCI_EXP_TYPE_ENDPOINT);
	if (!up || !gpu_port || !audio_port || !gpu || !audio)
		return -ENOMEM;
	number(up, bus, bus + 1, bus + 3);
	number(gpu_port, bus + 1, bus + 2, bus + 2);
	number(audio_port, bus + 1, bus + 3, bus + 3);
	make_bar64(up, 0, 8ull << 20, PCI_BASE_ADDRESS_MEM_PREFETCH);
	make_bar64(gpu, 0, 16ull << 20, 0);
	make_bar64(gpu, 2, (u64)rebar_mb[c] << 20, PCI_BASE_ADDRESS_MEM_PREFETCH);
	make_bar64(audio, 0, 16ull << 10, 0);
	return 0;
}

static int make_behind_switch(void)
{
	int first = busbase[0], bus = first + 3, c, error;
	struct function *root, *up, *down;

	root = make(ROOT_PORT, -1, NULL, PCI_DEVFN(1, 0), AMD(0x1483), BRIDGE_CLASS,
		    PCI_EXP_TYPE_ROOT_PORT);
	up = make(PEX_UP, -1, root, 0, BROADCOM(0xc010), BRIDGE_CLASS, PCI_EXP_TYPE_UPSTREAM);
	if (!root || !up)
		return -ENOMEM;
	root->rootbus = first;
	for (c = 0; c < cards; c++, bus += 4) {
		down = make(PEX_DOWN, c, up, PCI_DEVFN(c * 4, 0), BROADCOM(0xc010), BRIDGE_CLASS,
			    PCI_EXP_TYPE_DOWNSTREAM);
		if (!down)
			return -ENOMEM;
		error = make_card(down, c, bus);
		if (error)
			return error;
		number(down, first + 2, bus, bus + 3);
	}
	number(up, first + 1, first + 2, bus - 1);
	number(root, first, first + 1, bus - 1);
	return 0;
}

static int make_in_slots(void)
{
	int c, error;

	for (c = 0; c < cards; c++) {
		struct function *port = make(ROOT_PORT, c, NULL, PCI_DEVFN(1, 0), AMD(0x14ab),
					     BRIDGE_CLASS, PCI_EXP_TYPE_ROOT_PORT);

		if (!port)
			return -ENOMEM;
		port->rootbus = busbase[c];
		error = make_card(port, c, busbase[c] + 1);
		if (error)
			return error;
		number(port, busbase[c], busbase[c] + 1, busbase[c] + 4);
	}
	return 0;
}

/* Let the kernel enumerate one host bridge. Windows lie where a small guest has nothing. */
static int scan(int index, int first, int last)
{
	struct root *root = &roots[root_count];
	struct pci_bus *child;
	void *sysdata = NULL;
	u64 share = 0x4000000000ull;	/* 256 GiB per host bridge */
	LIST_HEAD(windows);

#ifdef CONFIG_X86
	root->sysdata.domain = domain;
	sysdata = &root->sysdata;
#endif
	root->mem32 = (struct resource) {
		.name = "fakeb70 mem32",
		.start = 0xc0000000ull + 0x08000000ull * index,
		.end = 0xc7ffffffull + 0x08000000ull * index,
		.flags = IORESOURCE_MEM,
	};
	root->mem64 = (struct resource) {
		.name = "fakeb70 mem64",
		.start = 0x8000000000ull + share * index,
		.end = 0x8000000000ull + share * (index + (pex ? 4 : 1)) - 1,
		.flags = IORESOURCE_MEM | IORESOURCE_MEM_64 | IORESOURCE_PREFETCH,
	};
	root->numbers = (struct resource) {
		.name = "fakeb70 bus",
		.start = first,
		.end = last,
		.flags = IORESOURCE_BUS,
	};
	pci_add_resource(&windows, &root->mem32);
	pci_add_resource(&windows, &root->mem64);
	pci_add_resource(&windows, &root->numbers);
	root->bus = pci_create_root_bus(NULL, first, &config_ops, sysdata, &windows);
	if (!root->bus) {
		pci_free_resource_list(&windows);
		return -ENODEV;
	}
	root_count++;
	pci_scan_child_bus(root->bus);
	pci_assign_unassigned_bus_resources(root->bus);
	list_for_each_entry(child, &root->bus->children, node)
		pcie_bus_configure_settings(child);
	pci_bus_add_devices(root->bus);
	return 0;
}

static void clear(void)
{
	int i;

	pci_lock_rescan_remove();
	for (i = 0; i < root_count; i++) {
		pci_stop_root_bus(roots[i].bus);
		pci_remove_root_bus(roots[i].bus);
	}
	pci_unlock_rescan_remove();
	for (i = 0; i < function_count; i++)
		kfree(functions[i]);
}

static int __init fakeb70_init(void)
{
	int c, error;

	read_smbios(SMBIOS_PREFIX, settings, ARRAY_SIZE(settings));
	cards = clamp(cards, 0, CARDS);
	error = pex ? make_behind_switch() : make_in_slots();
	if (error) {
		clear();
		return error;
	}
	pci_lock_rescan_remove();
	if (pex)
		error = scan(0, busbase[0], busbase[0] + 2 + 4 * cards);
	for (c = 0; !pex && !error && c < cards; c++)
		error = scan(c, busbase[c], busbase[c] + 15);
	pci_unlock_rescan_remove();
	if (error)
		clear();
	return error;
}

module_init(fakeb70_init);
/* no exit function: hardware does not go away by rmmod; a card is pulled through its remove file */
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("PCI trees of Intel Arc Pro B70 cards, in software");

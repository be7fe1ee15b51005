/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings that a virtual machine hands to a module in an SMBIOS type 11 string, as
 * "<prefix>name=1,2,3;other=4": no file and no kernel argument of the lab's is needed in the guest.
 * User-mode Linux has no firmware: there the same strings are the kernel's own (b70lab.c).
 */
#ifndef B70LAB_SMBIOS_H
#define B70LAB_SMBIOS_H

#ifndef CONFIG_UML
#include <linux/dmi.h>
#endif
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

struct setting {
	const char *name;
	int *values;
	int count;
};

/* "name=1,2,3": exchange the first values of a setting, the rest keeps its default. */
static void take_setting(const struct setting *settings, int count, char *text)
{
	char *name = strsep(&text, "="), *word;
	int i, n = 0;

	for (i = 0; i < count; i++) {
		if (!text || strcmp(settings[i].name, name))
			continue;
		while (n < settings[i].count && (word = strsep(&text, ",")))
			if (kstrtoint(word, 0, &settings[i].values[n++]))
				pr_warn("%s: no number: %s\n", name, word);
		return;
	}
	pr_warn("unknown setting %s\n", name);
}

/* Take every setting of "name=1,2,3;other=4". */
static void take_settings(const struct setting *settings, int count, const char *text)
{
	char *copy = kstrdup(text, GFP_KERNEL), *rest = copy, *setting;

	while (rest && (setting = strsep(&rest, ";")))
		if (*setting)
			take_setting(settings, count, setting);
	kfree(copy);
}

#ifdef CONFIG_UML

/* 0: the tree of the cards, 1: their driver */
const char *b70lab_string(int which);

static void read_smbios(const char *prefix, const struct setting *settings, int count)
{
	take_settings(settings, count, b70lab_string(!strcmp(prefix, "b70lab-xe:")));
}

#else

static void read_smbios(const char *prefix, const struct setting *settings, int count)
{
	const struct dmi_device *string = NULL;

	while ((string = dmi_find_device(DMI_DEV_TYPE_OEM_STRING, NULL, string)))
		if (!strncmp(string->name, prefix, strlen(prefix)))
			take_settings(settings, count, string->name + strlen(prefix));
}

#endif

#endif

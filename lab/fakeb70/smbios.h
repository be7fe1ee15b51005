/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings that a virtual machine hands to a module in an SMBIOS type 11 string, as
 * "<prefix>name=1,2,3;other=4": no file and no kernel argument of the lab's is needed in the guest.
 */
#ifndef B70LAB_SMBIOS_H
#define B70LAB_SMBIOS_H

#include <linux/dmi.h>
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

static void read_smbios(const char *prefix, const struct setting *settings, int count)
{
	const struct dmi_device *string = NULL;
	char *copy, *rest, *setting;

	while ((string = dmi_find_device(DMI_DEV_TYPE_OEM_STRING, NULL, string))) {
		if (strncmp(string->name, prefix, strlen(prefix)))
			continue;
		copy = kstrdup(string->name + strlen(prefix), GFP_KERNEL);
		rest = copy;
		while (rest && (setting = strsep(&rest, ";")))
			if (*setting)
				take_setting(settings, count, setting);
		kfree(copy);
	}
}

#endif

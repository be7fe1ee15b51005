"""Gates: facts x policy rows -> decisions. Pure; the rows are data in group_data/gates/."""

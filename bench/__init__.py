"""Speed, as ratios from one run: this product, ansible-core, mitogen, stock pyinfra, plain ssh.

Everything is measured on the lab's machines with the same resources. May import every other room;
nothing imports it. Figures are printed and written to docs/speed.md, never asserted.
"""

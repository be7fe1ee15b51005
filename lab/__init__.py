"""The lab: disposable rigs for trying out, for tests and for benchmarks.

systemd-nspawn machines on one overlay base, a network of their own, fake B70 trees and a signed
apt mirror. The lab may import every other room; nothing outside tests and bench imports the lab.
"""

"""The cards and their way to the processor: PCIe links, driver, what xpu-smi and OpenCL say."""

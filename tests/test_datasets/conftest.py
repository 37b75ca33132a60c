"""ssdkd comes before torchvision, which cannot be imported everywhere without its shims."""

import ssdkd  # noqa: F401

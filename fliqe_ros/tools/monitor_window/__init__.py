"""The window that shows an operator the image quality of all cameras, alone or within rqt."""

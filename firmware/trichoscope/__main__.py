"""`python -m trichoscope` is `trichoscope`."""

from .cli import main

main()

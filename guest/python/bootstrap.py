"""Entry of the Python runtime. What it does is in `hearth_guest`, whose compiled form Python keeps."""

from hearth_guest.bootstrap import main

main()

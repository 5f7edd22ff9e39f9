"""The recurrent layers in C, with a path for each instruction set, of which the best is chosen at run time.

The C files are built when the package is installed, where there is a compiler. `library.path()` tells what runs.
"""

"""Builds the native kernels where there is a C compiler that can; without them chargen runs on PyTorch and NumPy."""

import sys
from glob import glob

from setuptools import Extension, setup

FOLDER = "chargen/network/native"

setup(
    ext_modules=[
        Extension(
            "chargen.network.native._kernels",  # no module: chargen/network/native/library.py loads it with ctypes
            sorted(glob(f"{FOLDER}/*.c")),
            depends=sorted(glob(f"{FOLDER}/*.h")),
            extra_compile_args=[
                "-O3",
                "-fno-tree-slp-vectorize",  # with it GCC 12 takes products apart: 58 instead of 92 GFLOP/s
                "-std=gnu11",
                "-ffp-contract=fast",  # a * b + c in one instruction
                "-fvisibility=hidden",
                "-pthread",
            ],
            extra_link_args=["-pthread", "-lm", *(["-ldl"] if sys.platform == "linux" else [])],
            optional=True,
        )
    ]
)

"""Groups that are found in the data: fitted by command, kept as numbers, and used in segments like any trait.

`file` is what the marketer writes, `model` what a fit leaves; `fit` leads from one to the other. `assign` needs no
scikit-learn: whoever applies a model that was fitted elsewhere installs nothing.
"""

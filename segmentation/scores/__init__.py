"""What people will probably do, learnt from what they did: fitted by command, kept as numbers, used in segments.

`file` is what the marketer writes, `model` what a fit leaves; `fit` leads from one to the other. `predict` and `apply`
need no scikit-learn: whoever applies a model that was fitted elsewhere installs nothing.
"""

"""The installer, which `./install.sh` runs."""

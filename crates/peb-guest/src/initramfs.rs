//! The guest's first and only root file system: a shell that does what is asked for at its second serial port.

use crate::cpio::{Archive, Entry};

/// Byte before the exit status of a command, and before [`READY`].
pub const MARK: u8 = 1;
/// What the shell says first.
pub const READY: &str = "ready";

/// The script that the kernel starts.
const INIT: &str = r#"#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in /modules/*; do
    [ ! -e "$module" ] || insmod "$module"
done
exec </dev/ttyS1 >/dev/ttyS1 2>&1
stty raw -echo
. /functions
printf '\001ready\n'
while read -r line; do
    eval "$line"
    printf '\001%s\n' $?
done
poweroff -f
"#;

/// What both shells know: the one that does what it is told, and an interactive one.
const FUNCTIONS: &str = r#"# Directory of the NVMe controller with this serial number.
controller() {
    for dir in /sys/class/nvme/nvme*; do
        [ -e "$dir/serial" ] && read -r serial <"$dir/serial" && [ "$serial" = "$1" ] && echo "$dir" && return
    done
    return 1
}
# Its block device.
disk() {
    dir=$(controller "$1") || return 1
    for name in "$dir"/nvme*n1; do
        [ -b "/dev/${name##*/}" ] && echo "/dev/${name##*/}" && return
    done
    return 1
}
# Number of the slot that it is in.
slot() {
    dir=$(controller "$1") || return 1
    read -r address <"$dir/address" || return 1
    for slot in /sys/bus/pci/slots/*; do
        [ "$(cat "$slot/address")" = "${address%.*}" ] && echo "${slot##*/}" && return
    done
    return 1
}
# Moves 64 bytes of memory at $2 into the DMA engine beside that disk, and from there to the memory behind them.
dma() {
    dir=$(controller "$1") && read -r address <"$dir/address" || return 1
    dir=/sys/bus/pci/devices/${address%.*}.1
    echo 1 >"$dir/enable" || return 1
    # Memory space and bus master.
    printf '\006\004' | dd of="$dir/config" bs=1 seek=4 conv=notrunc 2>/dev/null || return 1
    read -r registers _ <"$dir/resource"
    n=0
    while [ $n -lt 16 ]; do
        devmem $(($2 + 4 * n)) 32 $(((0x12345679 * (n + 1)) & 0xffffffff))
        n=$((n + 1))
    done
    engine "$registers" $2 1 && engine "$registers" $(($2 + 64)) 3 || return 1
    n=0
    while [ $n -lt 16 ]; do
        [ "$(devmem $(($2 + 64 + 4 * n)) 32)" = "$(devmem $(($2 + 4 * n)) 32)" ] || return 1
        n=$((n + 1))
    done
    devmem $2 32
}
# Has the engine with registers at $1 move 64 bytes from (control 1) or to (control 3) memory at $2.
engine() {
    devmem $(($1 + 0x08)) 32 $2
    devmem $(($1 + 0x10)) 32 0
    devmem $(($1 + 0x14)) 32 64
    devmem $(($1 + 0x04)) 32 $3
    while status=$(devmem $(($1 + 0x18)) 32) && [ $((status & 1)) = 1 ]; do :; done
    devmem $(($1 + 0x18)) 32 6
    [ $((status)) = 2 ]
}
"#;

/// A command that gives way to an interactive shell. When that ends the kernel hangs its terminal up, which is opened
/// again.
pub const INTERACTIVE: &str = "stty sane; ENV=/functions PS1='# ' setsid -c sh -i; \
                               exec </dev/ttyS1 >/dev/ttyS1 2>&1; stty raw -echo";

/// The archive, around this busybox, with these modules in the order in which they are loaded.
pub fn archive(busybox: &[u8], modules: &[Vec<u8>]) -> Vec<u8> {
    let mut archive = Archive::default();
    for directory in ["bin", "dev", "modules", "proc", "sys", "tmp"] {
        archive.add(directory, Entry::Directory);
    }
    archive.add("dev/console", Entry::Device(5, 1));
    archive.add("bin/busybox", Entry::Program(busybox));
    archive.add("functions", Entry::Program(FUNCTIONS.as_bytes()));
    archive.add("init", Entry::Program(INIT.as_bytes()));
    for (n, module) in modules.iter().enumerate() {
        archive.add(&format!("modules/{n:02}"), Entry::Program(module));
    }
    archive.finish()
}

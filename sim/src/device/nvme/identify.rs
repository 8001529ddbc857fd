//! Identify data structures (NVM Express Base 1.4, 5.15.2).

use super::event::{ERRORS, EVENT_REQUESTS};
use super::NvmeConfig;

/// Firmware revision.
pub const FIRMWARE: &[u8; 8] = b"1.0     ";
/// The only namespace.
pub const NSID: u32 = 1;

/// Bytes of every Identify data structure.
const BYTES: usize = 4096;

/// Identify Controller (CNS 01h).
pub fn controller(config: &NvmeConfig, vendor: u16) -> Vec<u8> {
    let mut data = vec![0; BYTES];
    data[..2].copy_from_slice(&vendor.to_le_bytes());
    data[2..4].copy_from_slice(&vendor.to_le_bytes());
    text(&mut data[4..24], &config.serial);
    text(&mut data[24..64], &config.model);
    data[64..72].copy_from_slice(FIRMWARE);
    // MDTS, and VER.
    data[77] = config.mdts;
    data[80..84].copy_from_slice(&super::registers::VERSION.to_le_bytes());
    // OAES: changed namespaces. CNTRLTYPE: I/O controller.
    data[92..96].copy_from_slice(&0x100u32.to_le_bytes());
    data[111] = 1;
    // ACL: aborts at once; AERL; FRMW: one slot, read only; LPA: effects log, extended data; ELPE.
    data[258] = 3;
    data[259] = EVENT_REQUESTS as u8 - 1;
    data[260] = 0x03;
    data[261] = 0x06;
    data[262] = ERRORS as u8 - 1;
    // WCTEMP and CCTEMP, kelvin.
    data[266..268].copy_from_slice(&343u16.to_le_bytes());
    data[268..270].copy_from_slice(&353u16.to_le_bytes());
    // KAS: units of 100 ms.
    data[320] = 1;
    // Entry sizes: 64 and 16 bytes.
    data[512] = 0x66;
    data[513] = 0x44;
    data[516..520].copy_from_slice(&NSID.to_le_bytes());
    // Dataset Management, Write Zeroes, Select of Get Features.
    data[520..522].copy_from_slice(&0x001cu16.to_le_bytes());
    // A volatile write cache; Flush of all namespaces.
    data[525] = 0x07;
    let name = format!("nqn.2014-08.org.nvmexpress:peb:{}", config.serial.trim());
    data[768..768 + name.len()].copy_from_slice(name.as_bytes());
    // Power state 0: 10 W.
    data[2048..2050].copy_from_slice(&1000u16.to_le_bytes());
    data
}

/// Identify Namespace (CNS 00h): one format, reads of deallocated blocks give zeros.
pub fn namespace(config: &NvmeConfig, blocks: u64) -> Vec<u8> {
    let mut data = vec![0; BYTES];
    for at in [0, 8, 16] {
        data[at..at + 8].copy_from_slice(&blocks.to_le_bytes());
    }
    // DLFEAT: deallocated blocks read as zeros, also after Write Zeroes with Deallocate.
    data[33] = 0x09;
    data[120..128].copy_from_slice(&config.eui64().to_be_bytes());
    // LBA format 0: no metadata.
    data[130] = config.block.trailing_zeros() as u8;
    data
}

/// Active Namespace ID list (CNS 02h): those above `after`.
pub fn active(after: u32) -> Vec<u8> {
    let mut data = vec![0; BYTES];
    if after < NSID {
        data[..4].copy_from_slice(&NSID.to_le_bytes());
    }
    data
}

/// Namespace Identification Descriptor list (CNS 03h): the EUI-64.
pub fn descriptors(config: &NvmeConfig) -> Vec<u8> {
    let mut data = vec![0; BYTES];
    data[..2].copy_from_slice(&[1, 8]);
    data[4..12].copy_from_slice(&config.eui64().to_be_bytes());
    data
}

/// ASCII, padded with spaces.
fn text(field: &mut [u8], value: &str) {
    field.fill(b' ');
    let printable = value.bytes().map(|byte| if byte.is_ascii_graphic() || byte == b' ' { byte } else { b'?' });
    field.iter_mut().zip(printable).for_each(|(place, byte)| *place = byte);
}

//! The protocol of QEMU's multi-process devices: what `x-pci-proxy-dev` sends and expects.
//!
//! A message is a header of 16 bytes (`i32` command, 4 bytes of padding, `u64` size of what follows) and its data, all in
//! the byte order of the machine, which is little-endian here. Messages are `hw/remote/mpqemu-link.h` of QEMU 7.2.

use thiserror::Error;

/// Bytes before the data of a message.
pub const HEADER: usize = 16;
/// No message of the protocol has more data; a larger size means that the stream is out of step.
const LARGEST: u64 = 4096;

/// Commands.
mod command {
    pub const SYNC_MEMORY: i32 = 0;
    pub const REPLY: i32 = 1;
    pub const CONFIG_WRITE: i32 = 2;
    pub const CONFIG_READ: i32 = 3;
    pub const BAR_WRITE: i32 = 4;
    pub const BAR_READ: i32 = 5;
    pub const SET_IRQ: i32 = 6;
    pub const RESET: i32 = 7;
}

/// What QEMU wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Where the guest's memory is; no reply. The file descriptors with it are not taken: memory is known beforehand.
    SyncMemory,
    /// An access to the configuration space of the proxied function itself.
    Config(Access),
    /// An access behind one of its BARs; the address is that of the guest.
    Bar(Access),
    /// File descriptors for INTx; no reply, and they are not taken.
    SetIrq,
    /// Reset of the function.
    Reset,
}

/// A load or a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Address in bytes.
    pub address: u64,
    /// Bytes: 1, 2, 4 or 8.
    pub size: u32,
    /// What to store; none for a load.
    pub value: Option<u64>,
}

/// What cannot be a message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// A command that this version of the protocol does not have, or that only a reply may have.
    #[error("unknown command {0}")]
    Command(i32),
    /// Data that do not fit the command.
    #[error("command {command} with {size} bytes of data")]
    Size {
        /// The command.
        command: i32,
        /// Bytes of data.
        size: u64,
    },
    /// An access of a size that no processor makes.
    #[error("an access of {0} bytes")]
    Access(u32),
}

/// Takes the first message off `bytes`; none while it is not complete.
///
/// # Errors
/// [`ProtocolError`]: nothing after it can be understood.
pub fn take(bytes: &mut Vec<u8>) -> Result<Option<Request>, ProtocolError> {
    let Some(header) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
    let [c0, c1, c2, c3, _, _, _, _, size @ ..] = *header;
    let (command, size) = (i32::from_le_bytes([c0, c1, c2, c3]), u64::from_le_bytes(size));
    if size > LARGEST {
        return Err(ProtocolError::Size { command, size });
    }
    let end = HEADER + size as usize;
    if bytes.len() < end {
        return Ok(None);
    }
    let request = decode(command, &bytes[HEADER..end])?;
    bytes.drain(..end);
    Ok(Some(request))
}

fn decode(command: i32, data: &[u8]) -> Result<Request, ProtocolError> {
    let wrong = || ProtocolError::Size { command, size: data.len() as u64 };
    match command {
        command::SYNC_MEMORY => Ok(Request::SyncMemory),
        command::SET_IRQ => Ok(Request::SetIrq),
        command::RESET => Ok(Request::Reset),
        // u32 address, u32 value, i32 length.
        command::CONFIG_WRITE | command::CONFIG_READ => {
            let data: [u8; 12] = data.try_into().map_err(|_| wrong())?;
            let word = |at: usize| u32::from_le_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]);
            let value = (command == command::CONFIG_WRITE).then_some(u64::from(word(4)));
            access(word(0).into(), word(8), value).map(Request::Config)
        }
        // u64 address, u64 value, u32 size, u8 whether it is memory space; padded to 24 bytes.
        command::BAR_WRITE | command::BAR_READ => {
            let data: [u8; 24] = data.try_into().map_err(|_| wrong())?;
            let (address, rest) = data.split_first_chunk::<8>().ok_or_else(wrong)?;
            let (value, rest) = rest.split_first_chunk::<8>().ok_or_else(wrong)?;
            let size = u32::from_le_bytes(*rest.first_chunk().ok_or_else(wrong)?);
            let value = (command == command::BAR_WRITE).then_some(u64::from_le_bytes(*value));
            access(u64::from_le_bytes(*address), size, value).map(Request::Bar)
        }
        _ => Err(ProtocolError::Command(command)),
    }
}

fn access(address: u64, size: u32, value: Option<u64>) -> Result<Access, ProtocolError> {
    match size {
        1 | 2 | 4 | 8 => Ok(Access { address, size, value }),
        _ => Err(ProtocolError::Access(size)),
    }
}

/// The reply to all but [`Request::SyncMemory`] and [`Request::SetIrq`]: the value read, 0 for a write.
pub fn reply(value: u64) -> [u8; HEADER + 8] {
    let mut bytes = [0; HEADER + 8];
    bytes[..4].copy_from_slice(&command::REPLY.to_le_bytes());
    bytes[8..16].copy_from_slice(&8u64.to_le_bytes());
    bytes[16..].copy_from_slice(&value.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(command: i32, data: &[u8]) -> Vec<u8> {
        let mut bytes = command.to_le_bytes().to_vec();
        bytes.extend([0xaa; 4]);
        bytes.extend((data.len() as u64).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn messages_as_qemu_7_2_sends_them() {
        // Recorded from QEMU 7.2: read of the vendor ID while the device is made, then a store behind a BAR.
        let mut bytes = message(3, &[0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
        let store = [0x10, 0, 0, 0xd0, 0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0];
        bytes.extend(message(4, &store));
        bytes.extend(message(7, &[]));
        let vendor = Access { address: 0, size: 2, value: None };
        assert_eq!(take(&mut bytes), Ok(Some(Request::Config(vendor))));
        let store = Access { address: 0xd000_0010, size: 4, value: Some(0x1234_5678) };
        assert_eq!(take(&mut bytes), Ok(Some(Request::Bar(store))));
        assert_eq!(take(&mut bytes), Ok(Some(Request::Reset)));
        assert_eq!(take(&mut bytes), Ok(None));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let error = |bytes: Vec<u8>| take(&mut bytes.clone()).unwrap_err();
        assert_eq!(error(message(9, &[])), ProtocolError::Command(9));
        assert_eq!(error(message(1, &[0; 8])), ProtocolError::Command(1));
        assert_eq!(error(message(2, &[0; 11])), ProtocolError::Size { command: 2, size: 11 });
        assert_eq!(error(message(5, &[0; 24])), ProtocolError::Access(0));
        let mut huge = message(0, &[]);
        huge[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(error(huge), ProtocolError::Size { command: 0, size: u64::MAX });
    }

    #[test]
    fn a_reply_is_a_header_and_the_value() {
        assert_eq!(reply(0x0102)[..4], [1, 0, 0, 0]);
        assert_eq!(reply(0x0102)[8..], [8, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let before = bytes.len();
            match take(&mut bytes) {
                Ok(Some(_)) => prop_assert!(bytes.len() + HEADER <= before),
                _ => prop_assert_eq!(bytes.len(), before),
            }
        }

        #[test]
        fn cut_messages_wait_for_the_rest(at in 0usize..40, address: u64, value: u64) {
            let mut data = address.to_le_bytes().to_vec();
            data.extend(value.to_le_bytes());
            data.extend([8, 0, 0, 0, 1, 0, 0, 0]);
            let whole = message(4, &data);
            let mut part = whole[..at].to_vec();
            prop_assert_eq!(take(&mut part), Ok(None));
            part.extend(&whole[at..]);
            let access = Access { address, size: 8, value: Some(value) };
            prop_assert_eq!(take(&mut part), Ok(Some(Request::Bar(access))));
        }
    }
}

//! ACPI Machine Language, as much of it as a table with a host bridge needs (ACPI 6.4, chapter 20).

/// Encoded terms.
pub type Terms = Vec<u8>;

/// Terms one after the other.
pub fn terms<const N: usize>(parts: [Terms; N]) -> Terms {
    parts.concat()
}

/// A package length and what it counts: itself and the content (20.2.4).
fn package(content: &[u8]) -> Terms {
    let mut bytes = match content.len() {
        n @ 0..0x3f => vec![n as u8 + 1],
        n @ 0x3f..0xffe => vec![0x40 | ((n + 2) & 0xf) as u8, ((n + 2) >> 4) as u8],
        n => vec![0x80 | ((n + 3) & 0xf) as u8, ((n + 3) >> 4) as u8, ((n + 3) >> 12) as u8],
    };
    bytes.extend(content);
    bytes
}

fn block(op: &[u8], parts: &[&[u8]]) -> Terms {
    [op, &package(&parts.concat())].concat()
}

/// A name: segments with dots between, from the root if it begins with a backslash; each padded to four characters.
pub fn name(path: &str) -> Terms {
    let (root, path) = path.strip_prefix('\\').map_or((false, path), |path| (true, path));
    let segments: Vec<_> = path.split('.').map(|segment| format!("{segment:_<4.4}").into_bytes()).collect();
    let mut bytes = if root { vec![b'\\'] } else { Vec::new() };
    match segments.len() {
        1 => {}
        2 => bytes.push(0x2e),
        n => bytes.extend([0x2f, n as u8]),
    }
    bytes.extend(segments.concat());
    bytes
}

/// An integer.
pub fn integer(value: u32) -> Terms {
    [vec![0x0c], value.to_le_bytes().to_vec()].concat()
}

/// `Scope (path) { content }`.
pub fn scope(path: &str, content: &[u8]) -> Terms {
    block(&[0x10], &[&name(path), content])
}

/// `Device (path) { content }`.
pub fn device(path: &str, content: &[u8]) -> Terms {
    block(&[0x5b, 0x82], &[&name(path), content])
}

/// `Name (path, value)`.
pub fn named(path: &str, value: Terms) -> Terms {
    [vec![0x08], name(path), value].concat()
}

/// `Method (path, arguments) { content }`, not serialized.
pub fn method(path: &str, arguments: u8, content: &[u8]) -> Terms {
    block(&[0x14], &[&name(path), &[arguments], content])
}

/// `Store (value, target)`.
pub fn store(value: Terms, target: &str) -> Terms {
    [vec![0x70], value, name(target)].concat()
}

/// `And (left, right, left)`.
pub fn and_into(left: &str, right: Terms) -> Terms {
    [vec![0x7b], name(left), right, name(left)].concat()
}

/// `CreateDWordField (ArgN, offset, path)`.
pub fn dword_of_argument(argument: u8, offset: u32, path: &str) -> Terms {
    [vec![0x8a, 0x68 + argument], integer(offset), name(path)].concat()
}

/// `Return (ArgN)`.
pub fn return_argument(argument: u8) -> Terms {
    vec![0xa4, 0x68 + argument]
}

/// `OperationRegion (path, PCI_Config, 0, length)`.
pub fn config_region(path: &str, length: u32) -> Terms {
    [vec![0x5b, 0x80], name(path), vec![0x02], integer(0), integer(length)].concat()
}

/// `Field (region, DWordAcc, NoLock, Preserve)`: names of dwords, and how many bytes to skip before each.
pub fn dwords_of_region(region: &str, fields: &[(u32, &str)]) -> Terms {
    let mut list = Vec::new();
    for (skip, path) in fields {
        if *skip > 0 {
            // A reserved field; its length in bits is encoded as a package length that does not count itself.
            let bits = 8 * skip;
            list.extend([0x00, 0x40 | (bits & 0xf) as u8, (bits >> 4) as u8]);
        }
        list.extend(name(path));
        list.extend([0x40, 32 >> 4]);
    }
    block(&[0x5b, 0x81], &[&name(region), &[0x03], &list])
}

/// A buffer with these bytes.
pub fn buffer(bytes: &[u8]) -> Terms {
    block(&[0x11], &[&integer(bytes.len() as u32), bytes])
}

/// A resource template: descriptors and the end tag (6.4.2.8).
pub fn resources(descriptors: &[Vec<u8>]) -> Terms {
    buffer(&[descriptors.concat(), vec![0x79, 0]].concat())
}

/// `EisaId ("PNPxxxx")`: three letters and four hexadecimal digits (19.3.4).
pub fn eisa_id(letters: [u8; 3], product: u16) -> Terms {
    let [a, b, c] = letters.map(|letter| u16::from(letter - b'A' + 1));
    let vendor = a << 10 | b << 5 | c;
    [vec![0x0c], vendor.to_be_bytes().to_vec(), product.to_be_bytes().to_vec()].concat()
}

/// Memory32Fixed, writable (6.4.3.4).
pub fn fixed_memory(base: u32, length: u32) -> Vec<u8> {
    [vec![0x86, 9, 0, 1], base.to_le_bytes().to_vec(), length.to_le_bytes().to_vec()].concat()
}

/// WordBusNumber, produced (6.4.3.5.3).
pub fn bus_numbers(first: u16, last: u16) -> Vec<u8> {
    let words = [0, first, last, 0, last - first + 1];
    [vec![0x88, 13, 0, 2, 0x0c, 0], words.iter().flat_map(|word: &u16| word.to_le_bytes()).collect()].concat()
}

/// DWordMemory, produced, writable, not cacheable (6.4.3.5.2).
pub fn memory_window(base: u32, length: u32) -> Vec<u8> {
    let dwords = [0, base, base + (length - 1), 0, length];
    [vec![0x87, 23, 0, 0, 0x0c, 1], dwords.iter().flat_map(|dword: &u32| dword.to_le_bytes()).collect()].concat()
}

/// A secondary system description table with its header and checksum (5.2.6).
pub fn ssdt(table: &[u8; 8], content: &[u8]) -> Vec<u8> {
    let mut bytes = b"SSDT".to_vec();
    bytes.extend((36 + content.len() as u32).to_le_bytes());
    // Revision 2: integers of 64 bits. Then the checksum.
    bytes.extend([2, 0]);
    bytes.extend(b"PEB   ");
    bytes.extend(table);
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(b"PEB ");
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(content);
    bytes[9] = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_of_the_standard() {
        assert_eq!(eisa_id(*b"PNP", 0x0a08), [0x0c, 0x41, 0xd0, 0x0a, 0x08]);
        assert_eq!(name("\\_SB.PCI0"), b"\\\x2e_SB_PCI0");
        assert_eq!(name("A.B.C"), b"\x2f\x03A___B___C___");
        assert_eq!(package(&[0; 0x3e])[..2], [0x3f, 0]);
        assert_eq!(package(&[0; 0x3f])[..3], [0x41, 0x04, 0]);
        assert_eq!(package(&[0; 0x1000])[..3], [0x83, 0x00, 0x01]);
        assert_eq!(memory_window(0xd000_0000, 0x1000_0000).len(), 26);
        assert_eq!(bus_numbers(0, 15).len(), 16);
    }

    #[test]
    fn a_table_sums_to_zero() {
        let table = ssdt(b"TEST    ", &scope("\\_SB", &named("X", integer(5))));
        assert_eq!(table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0);
        assert_eq!(table[4..8], (table.len() as u32).to_le_bytes());
    }
}

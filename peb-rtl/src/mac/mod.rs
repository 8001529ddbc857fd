//! Ethernet MAC, 1 Gbit/s, GMII (IEEE 802.3 clauses 2-4, 31, 35; IEEE 802.1Q).

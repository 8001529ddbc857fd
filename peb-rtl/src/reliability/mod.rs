//! What is sent when: acknowledgements, retransmission, round-trip time, window.

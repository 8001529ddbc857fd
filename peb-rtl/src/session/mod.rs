//! Who the peers are: announcement, joining, keep-alive, leaving.

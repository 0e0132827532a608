//! The boards that are known.

use std::sync::OnceLock;

use crate::board::Board;

macro_rules! boards {
    ($($id:literal,)*) => {
        /// Folders of `boards/` and their descriptions.
        pub(crate) const TEXTS: &[(&str, &str)] =
            &[$(($id, include_str!(concat!("../../boards/", $id, "/board.toml"))),)*];
    };
}

boards! {
    "raspberry-pi-zero-2w",
    "raspberry-pi-3b-plus",
    "raspberry-pi-4",
    "raspberry-pi-5",
    "jetson-nano",
    "jetson-orin-nano",
    "x86-gateway",
    "x86-cloud",
    "x86-server",
}

/// All boards.
pub fn all() -> &'static [Board] {
    static BOARDS: OnceLock<Vec<Board>> = OnceLock::new();
    // A test reads every one of them.
    BOARDS.get_or_init(|| TEXTS.iter().filter_map(|(id, text)| Board::parse(id, text).ok()).collect())
}

/// The board with this id.
pub fn find(id: &str) -> Option<&'static Board> {
    all().iter().find(|board| board.id == id)
}

/// The board whose device tree this is: entries of `compatible`, each ended by a zero.
pub fn matching(compatible: &[u8]) -> Option<&'static Board> {
    let begins = |start: &String| compatible.split(|&b| b == 0).any(|entry| entry.starts_with(start.as_bytes()));
    all().iter().find(|board| board.device_tree.as_ref().is_some_and(begins))
}

/// Looking at what is stored, and damaging it, past the contract.
extension SimulatedDisk {
    /// The bytes of a file as a reader would see them, or `nil` if there is none.
    package func contents(_ path: String) -> [UInt8]? { names.files[path]?.current }

    /// The names of all files, sorted.
    package var paths: [String] { names.files.keys.sorted() }

    /// Puts a whole file there, durably.
    package func setContents(_ path: String, _ bytes: [UInt8]) {
        let inode = SimulatedInode()
        inode.current = bytes
        inode.durable = bytes
        names.put(path, inode)
    }

    /// Turns one bit over, durably.
    ///
    /// Nothing happens behind the end of the file.
    package func flipBit(_ path: String, at offset: Int, bit: Int) {
        guard let inode = names.files[path], offset < inode.current.count else { return }
        inode.current[offset] ^= UInt8(1) << UInt8(bit & 7)
        if offset < inode.durable.count { inode.durable[offset] = inode.current[offset] }
    }

    /// Writes zeros over part of a file, durably.
    package func zero(_ path: String, _ range: Range<Int>) {
        guard let inode = names.files[path] else { return }
        for offset in range.clamped(to: 0..<inode.current.count) { inode.current[offset] = 0 }
        for offset in range.clamped(to: 0..<inode.durable.count) { inode.durable[offset] = 0 }
    }

    /// Loses all bytes that were not synced; what files are called stays as it is.
    package func loseUnsynced() {
        for path in paths { names.files[path]?.loseUnsynced() }
    }

    /// Makes reads of these bytes fail with `EIO` until their sectors are written again.
    package func makeUnreadable(_ path: String, _ range: Range<Int>) {
        names.files[path]?.makeUnreadable(range)
    }
}

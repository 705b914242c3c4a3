/// Rows of objects as SQLite has them, those that were stored last: a change of one needs the row
/// that it replaces.
///
/// Pieces of memory that are filled one behind the other; when all are full, the one that was filled
/// first is emptied. A row that is stored again is written over where it lies, so that no row is
/// remembered twice: as many are as the memory holds.
struct RememberedObjects: ~Copyable {
    /// Of each record its ``PackedObject/Header``, key and entity tag.
    private var pieces: [Piece] = []
    /// The one that is being filled.
    private var current = 0
    private let memory: MemoryPieces
    /// Bytes of each that are used.
    private let pieceSize: Int
    private let maximumPieces: Int
    /// Under the low bits of a place's hash, or the next that was free: the hash, and where the record
    /// is + 1.
    ///
    /// 0 is free. As many as a power of two, at most half of them in use.
    private var index: [UInt64] = []
    private var count = 0

    private struct Piece {
        let memory: MemoryPieces.Piece
        /// Bytes in use.
        var used = 0
    }

    /// Where a record is: its piece and the offset in it.
    private struct Location: Equatable {
        var value: UInt32

        init(piece: Int, offset: Int) { value = UInt32(piece) << 18 | UInt32(offset) }
        init(_ entry: UInt64) { value = UInt32(truncatingIfNeeded: entry) - 1 }

        var piece: Int { Int(value >> 18) }
        var offset: Int { Int(value & (1 << 18 - 1)) }
    }

    /// Remembers nothing yet.
    ///
    /// - Parameters:
    ///   - maximumBytes: Of memory, about.
    ///   - memory: Where it lies.
    init(maximumBytes: Int, in memory: MemoryPieces) {
        self.memory = memory
        // An eighth of it for the index; little of each piece where there is little in all.
        let bytes = maximumBytes / 8 * 7
        pieceSize = min(MemoryPieces.size, bytes / 8)
        maximumPieces = pieceSize == 0 ? 0 : min(bytes / pieceSize, 1 << 14)
    }

    /// What SQLite has here; nil: that is not remembered.
    @inline(__always)
    func known(at place: HashedPlace) -> KnownObject? {
        let found = unsafe place.key.withUnsafeBytes { key in
            unsafe slot(bucket: place.bucket, key: key, hash: place.hash)
        }
        guard let found else { return nil }
        return unsafe withRecord(Location(index[found])) { record in
            unsafe record.row(key: place.key).map { .row($0) } ?? .absent
        }
    }

    /// Remembers what was stored.
    mutating func remember(_ object: borrowing PackedObject) {
        let row = unsafe object.withoutBody
        let hash = unsafe row.header.hash
        let known = unsafe slot(bucket: row.header.bucket, key: row.key, hash: hash)
        if let known {
            let location = Location(index[known])
            let piece = pieces[location.piece].memory
            if unsafe row.write(over: piece.memory, at: location.offset) { return }
            remove(known)
        }
        let size = unsafe row.sizeInMemory
        // Keys and tags are short beside a piece.
        guard size <= pieceSize else { return }
        makeRoom(for: size)
        let location = Location(piece: current, offset: pieces[current].used)
        unsafe row.write(into: pieces[current].memory.memory, at: location.offset)
        pieces[current].used += size
        if 2 * (count + 1) > index.count { grow() }
        enter(UInt64(hash) << 32 | UInt64(location.value + 1))
        count += 1
    }

    /// Goes on to the next piece if the current one is full, and forgets what is in that.
    private mutating func makeRoom(for size: Int) {
        if !pieces.isEmpty {
            guard pieces[current].used + size > pieceSize else { return }
            current = (current + 1) % maximumPieces
        }
        if current == pieces.count {
            pieces.append(Piece(memory: memory.take(exactly: pieceSize)))
        } else {
            forget(current)
        }
    }

    private mutating func forget(_ piece: Int) {
        let end = pieces[piece].used
        var location = Location(piece: piece, offset: 0)
        while location.offset < end {
            let (hash, size) = unsafe withRecord(location) { record in
                unsafe (
                    record.header.hash,
                    PackedObject.headerSize + Int(record.header.room)
                )
            }
            // One that outgrew its room is in the index with its new location.
            if let slot = slot(of: location, hash: hash) { remove(slot) }
            guard location.offset + size < end else { break }
            location = Location(piece: piece, offset: location.offset + size)
        }
        pieces[piece].used = 0
    }

    // MARK: The index

    private func slot(bucket: UInt64, key: UnsafeRawBufferPointer, hash: UInt32) -> Int? {
        guard !index.isEmpty else { return nil }
        let mask = index.count - 1
        var slot = Int(hash) & mask
        while index[slot] != 0 {
            if UInt32(truncatingIfNeeded: index[slot] >> 32) == hash {
                let isIt = unsafe withRecord(Location(index[slot])) { record in
                    unsafe record.header.bucket == bucket && ByteOrder.areEqual(record.key, key)
                }
                if isIt { return slot }
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private func slot(of location: Location, hash: UInt32) -> Int? {
        let mask = index.count - 1
        var slot = Int(hash) & mask
        while index[slot] != 0 {
            if Location(index[slot]) == location { return slot }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private mutating func enter(_ entry: UInt64) {
        let mask = index.count - 1
        var slot = Int(entry >> 32) & mask
        while index[slot] != 0 { slot = (slot + 1) & mask }
        index[slot] = entry
    }

    /// Frees a slot, and moves up what stands behind it for want of a better place.
    private mutating func remove(_ freed: Int) {
        let mask = index.count - 1
        var hole = freed
        var slot = (freed + 1) & mask
        while index[slot] != 0 {
            let wanted = Int(index[slot] >> 32) & mask
            // Whether the hole is between where it would stand and where it stands.
            if (slot - wanted) & mask >= (slot - hole) & mask {
                index[hole] = index[slot]
                hole = slot
            }
            slot = (slot + 1) & mask
        }
        index[hole] = 0
        count -= 1
    }

    private mutating func grow() {
        let entries = index
        index = [UInt64](repeating: 0, count: max(64, 2 * entries.count))
        for entry in entries where entry != 0 { enter(entry) }
    }

    private func withRecord<Result>(
        _ location: Location,
        _ visit: (borrowing PackedObject) -> Result
    ) -> Result {
        let piece = pieces[location.piece].memory
        return unsafe visit(
            PackedObject(in: UnsafeRawBufferPointer(piece.memory), at: location.offset)
        )
    }
}

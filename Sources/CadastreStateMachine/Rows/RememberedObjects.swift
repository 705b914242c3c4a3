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
    /// The records' locations by their places.
    private var index = PlaceIndex()

    private struct Piece {
        let memory: MemoryPieces.Piece
        /// Bytes in use.
        var used = 0
    }

    /// Where a record is: its piece and the offset in it.
    private struct Location {
        var value: UInt32

        init(piece: Int, offset: Int) { value = UInt32(piece) << 18 | UInt32(offset) }
        init(_ value: UInt32) { self.value = value }

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
            index.remove(known)
        }
        let size = unsafe row.sizeInMemory
        // Keys and tags are short beside a piece.
        guard size <= pieceSize else { return }
        makeRoom(for: size)
        let location = Location(piece: current, offset: pieces[current].used)
        unsafe row.write(into: pieces[current].memory.memory, at: location.offset)
        pieces[current].used += size
        index.add(location.value, under: hash)
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
            let slot = index.slot(under: hash) { $0 == location.value }
            if let slot { index.remove(slot) }
            guard location.offset + size < end else { break }
            location = Location(piece: piece, offset: location.offset + size)
        }
        pieces[piece].used = 0
    }

    private func slot(bucket: UInt64, key: UnsafeRawBufferPointer, hash: UInt32) -> Int? {
        index.slot(under: hash) { location in
            unsafe withRecord(Location(location)) { record in unsafe record.isAt(bucket, key) }
        }
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

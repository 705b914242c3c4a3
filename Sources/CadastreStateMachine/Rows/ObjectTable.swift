internal import CadastreProtocol

/// Objects by where they stand, packed into few pieces of memory.
///
/// A row as commands see it is an allocation for each of its parts, which costs more than to copy
/// them. Here a record is its bytes behind those of the others, found by a ``PlaceIndex``: what is asked
/// for by place is a probe and one comparison, and whatever is dropped is dropped at once. A record that
/// changes is written over where it fits. What is iterated is so in the order of the places.
struct ObjectTable: ~Copyable {
    /// Counts from 0 in the order in which places were first noted.
    typealias RecordNumber = UInt32

    private struct Record {
        var piece: UInt32
        /// In that piece.
        var offset: UInt32
    }

    private let memory: MemoryPieces
    private var records: [Record] = []
    /// Of each record its ``PackedObject/Header``, then its parts; none lies across two pieces.
    private var pieces: [MemoryPieces.Piece] = []
    /// Bytes in use of the last piece.
    private var used = 0
    /// The records' numbers by their places.
    private var index = PlaceIndex()

    /// Holds nothing yet; what it will hold lies in this memory.
    init(_ memory: MemoryPieces) { self.memory = memory }

    /// How many places are noted.
    var count: Int { records.count }
    /// Bytes of memory that a record takes beside its parts, about.
    static let overhead =
        MemoryLayout<PackedObject.Header>.stride + MemoryLayout<Record>.stride
        + 3 * MemoryLayout<UInt64>.stride

    // MARK: Looking up

    /// The record of this place.
    @inline(__always)
    private func record(at place: HashedPlace) -> RecordNumber? {
        unsafe place.key.withUnsafeBytes { key in
            unsafe record(bucket: place.bucket, key: key, hash: place.hash)
        }
    }

    private func record(
        bucket: UInt64,
        key: UnsafeRawBufferPointer,
        hash: UInt32
    ) -> RecordNumber? {
        let slot = index.slot(under: hash) { number in
            unsafe withRecord(number) { record in unsafe record.isAt(bucket, key) }
        }
        return slot.map { index[$0] }
    }

    /// What is noted of this place.
    @inline(__always)
    func known(at place: HashedPlace) -> KnownObject? {
        guard let number = record(at: place) else { return nil }
        return unsafe withRecord(number) { record in
            unsafe record.row(key: place.key).map { .row($0) } ?? .absent
        }
    }

    /// The body of the object here, in the body's layout; nil if nothing is noted of the place.
    func body(at place: HashedPlace) -> [UInt8]? {
        guard let number = record(at: place) else { return nil }
        return unsafe withRecord(number) { record in unsafe [UInt8](record.body) }
    }

    /// Shows the record where it lies.
    @inline(__always)
    func withRecord<Result, Failure: Error>(
        _ number: RecordNumber,
        _ visit: (borrowing PackedObject) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let (piece, offset) = unsafe location(of: number)
        return try unsafe visit(PackedObject(in: piece, at: offset))
    }

    /// The piece of memory in which the record lies, and where it begins there: valid as long as the
    /// table is not changed.
    @unsafe
    @inline(__always)
    func location(of number: RecordNumber) -> (piece: UnsafeRawBufferPointer, offset: Int) {
        let record = records[Int(number)]
        let piece = pieces[Int(record.piece)]
        return unsafe (UnsafeRawBufferPointer(piece.memory), Int(record.offset))
    }

    /// Shows the record's object, if there is one.
    func show(
        _ number: RecordNumber,
        to visit: (borrowing ScannedObject) -> ScanStep
    ) -> ScanStep {
        unsafe withRecord(number) { record in
            guard unsafe !record.header.isDeleted else { return .next }
            let object = unsafe ScannedObject(
                key: record.key,
                sequence: record.header.sequence,
                size: record.header.size,
                etag: record.etag,
                modified: record.header.modified
            )
            return visit(object)
        }
    }

    /// The numbers of the records from this one on, in the order of their places.
    ///
    /// Compares eight bytes behind what all keys have in common first: most differ there, and they
    /// are read once, not at each comparison.
    func sorted(from first: Int = 0) -> [RecordNumber] {
        guard first < records.count else { return [] }
        let numbers = RecordNumber(first)..<RecordNumber(records.count)
        let shared = sharedKeyBytes(numbers)
        var order = numbers.map { number in
            unsafe withRecord(number) { record in
                SortKey(
                    bucket: unsafe record.header.bucket,
                    word: unsafe ByteOrder.word(of: record.key, at: shared),
                    number: number
                )
            }
        }
        order.sort { left, right in
            if left.bucket != right.bucket { return left.bucket < right.bucket }
            if left.word != right.word { return left.word < right.word }
            return precedes(left.number, right.number)
        }
        return order.map(\.number)
    }

    /// Whether the place of the left record is before that of the right one.
    func precedes(_ left: RecordNumber, _ right: RecordNumber) -> Bool {
        unsafe withRecord(left) { left in
            unsafe withRecord(right) { right in
                unsafe left.order(bucket: right.header.bucket, key: right.key) == .before
            }
        }
    }

    private struct SortKey {
        var bucket: UInt64
        var word: UInt64
        var number: RecordNumber
    }

    /// How many bytes all keys begin with in common.
    private func sharedKeyBytes(_ numbers: Range<RecordNumber>) -> Int {
        unsafe withRecord(numbers.lowerBound) { first in
            var shared = unsafe first.key.count
            for number in numbers where shared > 0 {
                unsafe withRecord(number) { other in
                    let start = unsafe UnsafeRawBufferPointer(rebasing: first.key[..<shared])
                    shared = unsafe ByteOrder.sharedCount(start, other.key)
                }
            }
            return shared
        }
    }

    // MARK: Noting

    /// Notes that this row with this body is at its place.
    ///
    /// - Returns: Whether nothing was noted of the place before.
    mutating func put(_ row: ObjectRow, body: [UInt8], at place: HashedPlace) -> Bool {
        unsafe row.key.withUnsafeBytes { key in
            unsafe row.etag.withUnsafeBytes { etag in
                unsafe body.withUnsafeBytes { body in
                    unsafe note(
                        PackedObject(
                            header: PackedObject.Header(
                                row,
                                bodySize: body.count,
                                hash: place.hash
                            ),
                            key: key,
                            etag: etag,
                            body: body
                        )
                    )
                }
            }
        }
    }

    /// Notes that no object is at this place.
    ///
    /// - Returns: Whether nothing was noted of the place before.
    mutating func putDeletion(at place: HashedPlace) -> Bool {
        let nothing = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        return unsafe place.key.withUnsafeBytes { key in
            unsafe note(
                PackedObject(
                    header: PackedObject.Header(deletionAt: place),
                    key: key,
                    etag: nothing,
                    body: nothing
                )
            )
        }
    }

    /// Forgets everything, and keeps the memory for what comes.
    mutating func removeAll() {
        records.removeAll(keepingCapacity: true)
        memory.giveBack(pieces)
        pieces.removeAll(keepingCapacity: true)
        used = 0
        index.removeAll()
    }

    /// - Returns: Whether nothing was noted of the place before.
    private mutating func note(_ object: borrowing PackedObject) -> Bool {
        let hash = unsafe object.header.hash
        let number = unsafe record(bucket: object.header.bucket, key: object.key, hash: hash)
        if let number, unsafe write(object, over: number) { return false }
        let record = unsafe append(object)
        if let number {
            records[Int(number)] = record
            return false
        }
        index.add(RecordNumber(records.count), under: hash)
        records.append(record)
        return true
    }

    /// Writes over a record, if there is room.
    private func write(_ object: borrowing PackedObject, over number: RecordNumber) -> Bool {
        let record = records[Int(number)]
        return unsafe object.write(
            over: pieces[Int(record.piece)].memory,
            at: Int(record.offset)
        )
    }

    /// Writes behind the other records.
    private mutating func append(_ object: borrowing PackedObject) -> Record {
        let size = unsafe object.sizeInMemory
        if unsafe (used + size > pieces.last?.memory.count ?? 0) {
            pieces.append(memory.take(atLeast: size))
            used = 0
        }
        unsafe object.write(into: pieces[pieces.count - 1].memory, at: used)
        defer { used += size }
        return Record(piece: UInt32(pieces.count - 1), offset: UInt32(used))
    }
}

/// What memory says of a place.
enum KnownObject {
    /// This object is there.
    case row(ObjectRow)
    /// None is.
    case absent
}

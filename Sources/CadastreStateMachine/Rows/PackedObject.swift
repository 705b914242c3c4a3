internal import CadastreProtocol

/// An object's row and body as they lie in an ``ObjectTable``: valid as long as the table is not
/// changed, so it never leaves the closure that is shown it.
@unsafe
struct PackedObject: ~Copyable {
    /// What stands in front of the parts.
    struct Header: BitwiseCopyable {
        var bucket: UInt64
        var sequence: UInt64 = 0
        var size: UInt64 = 0
        var modified: UInt64 = 0
        var bodyHash: UInt64 = 0
        /// Of the place, for the table that it lies in.
        var hash: UInt32
        /// Bytes behind the header that are this record's: as many as it had when it was put here.
        var room: UInt32 = 0
        var bodySize: UInt32 = 0
        var etagSize: UInt16 = 0
        // Keys are short, and so the header has no padding.
        private var keySizeAndDeletion: UInt16

        private static let deletion: UInt16 = 1 << 15

        var keySize: Int { Int(keySizeAndDeletion & ~Self.deletion) }
        /// There is no such object.
        var isDeleted: Bool { keySizeAndDeletion & Self.deletion != 0 }

        /// The header of an object that exists.
        init(_ row: ObjectRow, bodySize: Int, hash: UInt32) {
            bucket = row.bucket.value
            sequence = row.sequence
            size = row.size
            modified = row.modified
            bodyHash = row.bodyHash
            self.hash = hash
            self.bodySize = UInt32(bodySize)
            etagSize = UInt16(row.etag.count)
            keySizeAndDeletion = UInt16(row.key.count)
        }

        /// The header that says that no object is here.
        init(deletionAt place: HashedPlace) {
            bucket = place.bucket
            hash = place.hash
            keySizeAndDeletion = UInt16(place.key.count) | Self.deletion
        }
    }

    private(set) var header: Header
    let key: UnsafeRawBufferPointer
    let etag: UnsafeRawBufferPointer
    let body: UnsafeRawBufferPointer

    /// Of parts that lie elsewhere; the header has their sizes.
    init(
        header: Header,
        key: UnsafeRawBufferPointer,
        etag: UnsafeRawBufferPointer,
        body: UnsafeRawBufferPointer
    ) {
        unsafe self.header = header
        unsafe self.key = key
        unsafe self.etag = etag
        unsafe self.body = body
    }

    /// The one that begins at this offset.
    @inline(__always)
    init(in memory: UnsafeRawBufferPointer, at offset: Int) {
        let header = unsafe memory.loadUnaligned(fromByteOffset: offset, as: Header.self)
        let key = offset + MemoryLayout<Header>.stride
        let etag = key + header.keySize
        let body = etag + Int(header.etagSize)
        let end = body + Int(header.bodySize)
        unsafe self.init(
            header: header,
            key: UnsafeRawBufferPointer(rebasing: memory[key..<etag]),
            etag: UnsafeRawBufferPointer(rebasing: memory[etag..<body]),
            body: UnsafeRawBufferPointer(rebasing: memory[body..<end])
        )
    }

    /// The row, for which its key is given; nil: there is no such object.
    func row(key: [UInt8]) -> ObjectRow? {
        let header = unsafe self.header
        guard !header.isDeleted else { return nil }
        return ObjectRow(
            bucket: BucketID(header.bucket),
            key: key,
            sequence: header.sequence,
            size: header.size,
            etag: unsafe [UInt8](etag),
            modified: header.modified,
            bodyHash: header.bodyHash
        )
    }

    /// Where it stands as seen from a place.
    func order(bucket: UInt64, key: UnsafeRawBufferPointer) -> PlaceOrder {
        guard unsafe header.bucket == bucket else {
            return unsafe header.bucket < bucket ? .before : .behind
        }
        return unsafe ByteOrder.order(self.key, key)
    }

    /// Whether it is the object of this place.
    @inline(__always)
    func isAt(_ bucket: UInt64, _ key: UnsafeRawBufferPointer) -> Bool {
        unsafe header.bucket == bucket && ByteOrder.areEqual(self.key, key)
    }

    /// The same without the body.
    var withoutBody: PackedObject {
        var header = unsafe self.header
        header.bodySize = 0
        let nothing = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        return unsafe PackedObject(header: header, key: key, etag: etag, body: nothing)
    }

    /// Bytes of the header.
    static let headerSize = MemoryLayout<Header>.stride

    private var partsSize: Int { unsafe key.count + etag.count + body.count }
    /// Bytes of the header and the parts.
    var sizeInMemory: Int { unsafe MemoryLayout<Header>.stride + partsSize }

    /// Writes it at this offset, with no more room than it needs.
    func write(into memory: UnsafeMutableRawBufferPointer, at offset: Int) {
        unsafe write(into: memory, at: offset, room: UInt32(partsSize))
    }

    /// Writes it over the one that begins at this offset.
    ///
    /// - Returns: Whether there was room; if not, nothing was written.
    func write(over memory: UnsafeMutableRawBufferPointer, at offset: Int) -> Bool {
        let old = unsafe memory.loadUnaligned(fromByteOffset: offset, as: Header.self)
        guard unsafe partsSize <= Int(old.room) else { return false }
        unsafe write(into: memory, at: offset, room: old.room)
        return true
    }

    private func write(into memory: UnsafeMutableRawBufferPointer, at offset: Int, room: UInt32) {
        var header = unsafe self.header
        header.room = room
        unsafe memory.storeBytes(of: header, toByteOffset: offset, as: Header.self)
        var rest = unsafe UnsafeMutableRawBufferPointer(
            rebasing: memory[(offset + MemoryLayout<Header>.stride)...]
        )
        unsafe Self.copy(key, to: &rest)
        unsafe Self.copy(etag, to: &rest)
        unsafe Self.copy(body, to: &rest)
    }

    private static func copy(
        _ part: UnsafeRawBufferPointer,
        to rest: inout UnsafeMutableRawBufferPointer
    ) {
        unsafe rest.copyMemory(from: part)
        unsafe rest = UnsafeMutableRawBufferPointer(rebasing: rest[part.count...])
    }
}

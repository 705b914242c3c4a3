/// One line of an S3 Inventory in CSV.
///
/// `"bucket","key (URL-encoded)","version id","true","false","size","2026-03-01T12:34:56.789Z","etag"`
///
/// The columns are Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag.
/// A first line that names them is accepted and passed over. Lines with only the first two columns
/// and those in between empty are refused: an object without a size is no object.
struct InventoryLine: Hashable, Sendable {
    /// What a line stands for.
    enum Kind: Hashable, Sendable {
        /// The newest version of an object.
        case current
        /// An older version.
        case older
        /// A deletion.
        case deleteMarker
    }

    var bucket: [UInt8]
    var key: [UInt8]
    var kind = Kind.current
    var size: UInt64 = 0
    /// Milliseconds since 1970.
    var modifiedMilliseconds: UInt64?
    var etag: [UInt8] = []

    /// The names of the columns, in order.
    static let columns = [
        "Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "LastModifiedDate",
        "ETag",
    ]

    /// Whether these fields are the names of the columns.
    static func isHeading(_ fields: [[UInt8]]) -> Bool {
        fields.count >= 2 && fields[0] == Array("Bucket".utf8) && fields[1] == Array("Key".utf8)
    }

    /// Names an object.
    init(
        bucket: [UInt8],
        key: [UInt8],
        size: UInt64,
        modifiedMilliseconds: UInt64?,
        etag: [UInt8]
    ) {
        self.bucket = bucket
        self.key = key
        self.size = size
        self.modifiedMilliseconds = modifiedMilliseconds
        self.etag = etag
    }

    /// Reads the fields of a line.
    ///
    /// - Throws: `Wrong`, saying what is wrong with them.
    init(_ fields: [[UInt8]]) throws(Wrong) {
        guard fields.count == Self.columns.count else {
            throw Wrong("it has \(fields.count) columns instead of \(Self.columns.count)")
        }
        bucket = fields[0]
        guard 3...63 ~= bucket.count else { throw Wrong("the bucket's name is not 3 to 63 bytes") }
        guard let key = URLCoding.decode(fields[1]) else {
            throw Wrong("the key is not URL-encoded")
        }
        guard 1...1024 ~= key.count else {
            throw Wrong("the key has \(key.count) bytes instead of 1 to 1024")
        }
        self.key = key
        let isLatest = try Self.truth(fields[3], "IsLatest", missing: true)
        let isDeleteMarker = try Self.truth(fields[4], "IsDeleteMarker", missing: false)
        kind = isDeleteMarker ? .deleteMarker : isLatest ? .current : .older
        if kind == .deleteMarker { return }
        let digits = String(decoding: fields[5], as: UTF8.self)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
            let size = UInt64(digits), size <= 1 << 62
        else { throw Wrong("the size is no number of bytes") }
        self.size = size
        if !fields[6].isEmpty {
            guard let time = Timestamp.milliseconds(fields[6]) else {
                throw Wrong("the date is not like 2026-03-01T12:34:56.789Z")
            }
            modifiedMilliseconds = time
        }
        etag = fields[7]
        // Some tools keep the quotes that HTTP puts around entity tags.
        let quote = UInt8(ascii: "\"")
        if etag.count >= 2, etag.first == quote, etag.last == quote {
            etag = Array(etag.dropFirst().dropLast())
        }
        guard etag.count <= 128 else { throw Wrong("the ETag has more than 128 bytes") }
    }

    /// What is wrong with a line.
    struct Wrong: Error, Hashable, Sendable {
        var reason: String

        /// Says what is wrong.
        init(_ reason: String) { self.reason = reason }
    }

    /// The fields of the line.
    var fields: [[UInt8]] {
        [
            bucket, URLCoding.encode(key), [],
            Array("\(kind == .current)".utf8), Array("\(kind == .deleteMarker)".utf8),
            Array(String(size).utf8),
            modifiedMilliseconds.map { Array(Timestamp.text($0).utf8) } ?? [],
            etag,
        ]
    }

    private static func truth(
        _ field: [UInt8],
        _ column: String,
        missing: Bool
    ) throws(Wrong) -> Bool {
        switch String(decoding: field, as: UTF8.self).lowercased() {
        case "true": return true
        case "false": return false
        case "": return missing
        default: throw Wrong("\(column) is neither true nor false")
        }
    }
}

/// The bytes that belong to an object, in one piece of memory, maybe among others.
///
/// Each part in memory of its own would be taken and given back by itself, and counted wherever the
/// object goes. Who asks for a part gets a copy; who only looks at it looks into ``memory``.
package struct ObjectParts: Sendable {
    /// What lies in ``memory``.
    package enum Part: CaseIterable {
        case bucket, key, etag, checksum, contentType, locations
    }

    /// What lies behind 4 GiB is cut off: of parts that have so much together one at least is far
    /// larger than any rule allows, and so the object is refused.
    private struct Place {
        private var start: UInt32 = 0
        private var end: UInt32 = 0

        var range: Range<Int> {
            @inline(__always)
            get { Int(start)..<Int(end) }
            set {
                start = UInt32(clamping: newValue.lowerBound)
                end = UInt32(clamping: newValue.upperBound)
            }
        }
    }

    /// Where the parts lie, among other bytes.
    package private(set) var memory: [UInt8]
    // Small, since a batch holds a thousand puts.
    private var bucket = Place()
    private var key = Place()
    private var etag = Place()
    private var checksum = Place()
    private var contentType = Place()
    private var locations = Place()

    /// Parts in this memory, all empty yet.
    package init(in memory: [UInt8]) { self.memory = memory }

    /// Parts in memory of their own.
    init(
        bucket: [UInt8] = [],
        key: [UInt8],
        etag: [UInt8],
        checksum: [UInt8],
        contentType: [UInt8],
        locations: [UInt8]
    ) {
        memory = []
        memory.reserveCapacity(
            bucket.count + key.count + etag.count + checksum.count + contentType.count
                + locations.count
        )
        self[.bucket] = memory.add(bucket)
        self[.key] = memory.add(key)
        self[.etag] = memory.add(etag)
        self[.checksum] = memory.add(checksum)
        self[.contentType] = memory.add(contentType)
        self[.locations] = memory.add(locations)
    }

    /// Where a part lies in ``memory``.
    @inline(__always)
    package subscript(part: Part) -> Range<Int> {
        get {
            switch part {
            case .bucket: bucket.range
            case .key: key.range
            case .etag: etag.range
            case .checksum: checksum.range
            case .contentType: contentType.range
            case .locations: locations.range
            }
        }
        set {
            switch part {
            case .bucket: bucket.range = newValue
            case .key: key.range = newValue
            case .etag: etag.range = newValue
            case .checksum: checksum.range = newValue
            case .contentType: contentType.range = newValue
            case .locations: locations.range = newValue
            }
        }
    }

    /// The bytes of a part.
    func copy(_ part: Part) -> [UInt8] { memory.span.copy(self[part]) }

    /// Takes all parts into memory of its own, one of them as it is from now on.
    mutating func replace(_ part: Part, by bytes: [UInt8]) {
        var result = Self(in: [])
        for each in Part.allCases {
            result[each] = result.memory.add(each == part ? bytes : copy(each))
        }
        self = result
    }
}

extension ObjectParts: Hashable {
    /// Whether both say the same, wherever it lies.
    package static func == (left: Self, right: Self) -> Bool {
        Part.allCases.allSatisfy { left.memory[left[$0]] == right.memory[right[$0]] }
    }

    package func hash(into hasher: inout Hasher) {
        for part in Part.allCases { hasher.combine(memory[self[part]]) }
    }
}

extension [UInt8] {
    /// Appends bytes, and says where they are.
    fileprivate mutating func add(_ bytes: [UInt8]) -> Range<Int> {
        append(contentsOf: bytes)
        return count - bytes.count..<count
    }
}

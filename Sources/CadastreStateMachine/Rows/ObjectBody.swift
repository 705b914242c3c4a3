package import CadastreProtocol

/// What an object has beyond what lists show.
///
/// Its layout in the table of objects, little-endian:
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 1 | layout version, 1 |
/// | 1 | 1 | checksum's algorithm, 0 = none |
/// | 2 | 2 | bytes of the checksum |
/// | 4 | 2 | bytes of the content type |
/// | 6 | 2 | pairs of user metadata |
/// | 8 | 2 | tags |
/// | 10 | 2 | reserved, 0 |
/// | 12 | 4 | bytes of the data locations |
/// | 16 | | checksum, content type, data locations; then for each pair and tag two u16 sizes, name, value |
package struct ObjectBody {
    /// Of the bytes of the checksum; nil: there is none.
    package let checksumAlgorithm: Checksum.Algorithm?
    /// Where the digest of the object's bytes lies, in the memory that was read.
    package let checksum: Range<Int>
    /// Where its content type lies.
    package let contentType: Range<Int>
    /// Where the data locations lie.
    package let locations: Range<Int>
    /// User metadata, ascending by name.
    package let metadata: [Attribute]
    /// Tags, ascending by name.
    package let tags: [Attribute]

    /// The body of a put, in its layout; every size was checked against ``ProtocolLimits`` before.
    package static func encode(_ put: PutObject) -> [UInt8] {
        var bytes: [UInt8] = []
        let checksum = put.range(of: .checksum)
        let contentType = put.range(of: .contentType)
        let locations = put.range(of: .locations)
        bytes.reserveCapacity(
            16 + checksum.count + contentType.count + locations.count + size(put.metadata)
                + size(put.tags)
        )
        bytes.append(1)
        bytes.append(put.checksumAlgorithm?.rawValue ?? 0)
        append(UInt16(checksum.count), to: &bytes)
        append(UInt16(contentType.count), to: &bytes)
        append(UInt16(put.metadata.count), to: &bytes)
        append(UInt16(put.tags.count), to: &bytes)
        append(0, to: &bytes)
        append(UInt16(truncatingIfNeeded: locations.count), to: &bytes)
        append(UInt16(locations.count >> 16), to: &bytes)
        bytes.append(contentsOf: put.memory[checksum])
        bytes.append(contentsOf: put.memory[contentType])
        bytes.append(contentsOf: put.memory[locations])
        append(put.metadata, to: &bytes)
        append(put.tags, to: &bytes)
        return bytes
    }

    private static func size(_ attributes: [Attribute]) -> Int {
        attributes.reduce(0) { $0 + 4 + $1.name.count + $1.value.count }
    }

    private static func append(_ attributes: [Attribute], to bytes: inout [UInt8]) {
        for pair in attributes {
            append(UInt16(pair.name.count), to: &bytes)
            append(UInt16(pair.value.count), to: &bytes)
            bytes.append(contentsOf: pair.name)
            bytes.append(contentsOf: pair.value)
        }
    }

    private static func append(_ number: UInt16, to bytes: inout [UInt8]) {
        bytes.append(UInt8(truncatingIfNeeded: number))
        bytes.append(UInt8(truncatingIfNeeded: number >> 8))
    }

    /// The body that fills this part of the memory; nil if it does not follow the layout.
    ///
    /// The caller has checked that the part lies within.
    package init?(in memory: Span<UInt8>, at range: Range<Int>) {
        var rest = Rest(position: range.lowerBound, end: range.upperBound)
        guard range.count >= 16, rest.byte(in: memory) == 1,
            let algorithm = rest.byte(in: memory),
            let checksumSize = rest.number(in: memory),
            let contentTypeSize = rest.number(in: memory),
            let pairs = rest.number(in: memory),
            let tagCount = rest.number(in: memory),
            rest.number(in: memory) == 0,
            let low = rest.number(in: memory),
            let high = rest.number(in: memory),
            let checksum = rest.take(checksumSize),
            let contentType = rest.take(contentTypeSize),
            let locations = rest.take(high << 16 | low),
            let metadata = rest.attributes(pairs, in: memory),
            let tags = rest.attributes(tagCount, in: memory),
            rest.isEmpty
        else { return nil }
        if algorithm == 0 {
            guard checksum.isEmpty else { return nil }
            checksumAlgorithm = nil
        } else {
            guard let known = Checksum.Algorithm(rawValue: algorithm),
                checksum.count == known.size
            else { return nil }
            checksumAlgorithm = known
        }
        self.checksum = checksum
        self.contentType = contentType
        self.locations = locations
        self.metadata = metadata
        self.tags = tags
    }

    /// What was not read yet.
    private struct Rest {
        var position: Int
        let end: Int

        var isEmpty: Bool { position == end }

        mutating func take(_ count: Int) -> Range<Int>? {
            guard count <= end - position else { return nil }
            position += count
            return position - count..<position
        }

        mutating func byte(in memory: Span<UInt8>) -> UInt8? {
            take(1).map { memory[$0.lowerBound] }
        }

        mutating func number(in memory: Span<UInt8>) -> Int? {
            guard let low = byte(in: memory), let high = byte(in: memory) else { return nil }
            return Int(high) << 8 | Int(low)
        }

        mutating func attributes(_ count: Int, in memory: Span<UInt8>) -> [Attribute]? {
            var found: [Attribute] = []
            for _ in 0..<count {
                guard let nameSize = number(in: memory), let valueSize = number(in: memory),
                    let name = take(nameSize), let value = take(valueSize)
                else { return nil }
                found.append(Attribute(name: memory.copy(name), value: memory.copy(value)))
            }
            return found
        }
    }
}

extension ObjectRecord {
    /// The object in these bytes: its key, its entity tag and its body, one behind the other.
    ///
    /// - Returns: nil where the body does not follow the layout.
    package init?(
        _ memory: [UInt8],
        keySize: Int,
        bodySize: Int,
        sequence: UInt64,
        size: UInt64,
        modified: UInt64
    ) {
        let bodyStart = memory.count - bodySize
        guard let body = ObjectBody(in: memory.span, at: bodyStart..<memory.count) else {
            return nil
        }
        var parts = ObjectParts(in: memory)
        parts[.key] = 0..<keySize
        parts[.etag] = keySize..<bodyStart
        parts[.checksum] = body.checksum
        parts[.contentType] = body.contentType
        parts[.locations] = body.locations
        self.init(
            parts,
            checksumAlgorithm: body.checksumAlgorithm,
            sequence: sequence,
            size: size,
            modifiedMilliseconds: modified,
            metadata: body.metadata,
            tags: body.tags
        )
    }
}

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
package struct ObjectBody: Hashable, Sendable {
    /// A digest of the object's bytes.
    package var checksum: Checksum?
    /// Its content type.
    package var contentType: [UInt8]
    /// User metadata, ascending by name.
    package var metadata: [Attribute]
    /// Tags, ascending by name.
    package var tags: [Attribute]
    /// Where its bytes are.
    package var locations: [UInt8]

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

    /// The body of these bytes; nil if they do not follow the layout.
    package init?(decoding bytes: [UInt8]) {
        guard bytes.count >= 16, bytes[0] == 1 else { return nil }
        let algorithm = bytes[1]
        func number(_ offset: Int) -> Int { Int(bytes[offset + 1]) << 8 | Int(bytes[offset]) }
        let (checksumSize, contentTypeSize) = (number(2), number(4))
        let (pairs, tagCount) = (number(6), number(8))
        let (low, high) = (number(12), number(14))
        var rest = bytes[16...]
        guard number(10) == 0, let checksum = Self.take(checksumSize, &rest),
            let contentType = Self.take(contentTypeSize, &rest),
            let locations = Self.take(high << 16 | low, &rest),
            let metadata = Self.attributes(pairs, &rest),
            let tags = Self.attributes(tagCount, &rest),
            rest.isEmpty
        else { return nil }
        if algorithm != 0 {
            guard let known = Checksum.Algorithm(rawValue: algorithm),
                checksum.count == known.size
            else { return nil }
            self.checksum = Checksum(algorithm: known, value: checksum)
        } else if !checksum.isEmpty {
            return nil
        }
        self.contentType = contentType
        self.metadata = metadata
        self.tags = tags
        self.locations = locations
    }

    private static func append(_ number: UInt16, to bytes: inout [UInt8]) {
        bytes.append(UInt8(truncatingIfNeeded: number))
        bytes.append(UInt8(truncatingIfNeeded: number >> 8))
    }

    private static func number(_ rest: inout ArraySlice<UInt8>) -> Int? {
        guard let low = rest.popFirst(), let high = rest.popFirst() else { return nil }
        return Int(high) << 8 | Int(low)
    }

    private static func take(_ count: Int, _ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    private static func attributes(
        _ count: Int,
        _ rest: inout ArraySlice<UInt8>
    ) -> [Attribute]? {
        var found: [Attribute] = []
        for _ in 0..<count {
            guard let nameSize = number(&rest), let valueSize = number(&rest),
                let name = take(nameSize, &rest), let value = take(valueSize, &rest)
            else { return nil }
            found.append(Attribute(name: name, value: value))
        }
        return found
    }
}

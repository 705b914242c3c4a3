/// Advances cluster time to min(median of the samples, last + limit).
///
/// Proposed by the leader alone.
package struct Tick: Hashable, Sendable {
    /// Wall clocks of voters, each once, ascending by node.
    package var samples: [ClockSample]
    /// What the state of whoever proposed it was at an entry before: whose differs there, stops.
    ///
    /// Nil where nothing is to be compared.
    package var mark: TickMark?

    /// Composes the command.
    package init(samples: [ClockSample], mark: TickMark? = nil) {
        self.samples = samples
        self.mark = mark
    }
}

/// The digest of the state right after one entry, for all nodes to compare with theirs.
package struct TickMark: Hashable, Sendable {
    /// The entry's index: 1 to 2^62.
    package var index: UInt64
    /// The digest, upper half.
    package var digestHigh: UInt64
    /// The digest, lower half.
    package var digestLow: UInt64

    /// Composes a mark.
    package init(index: UInt64, digestHigh: UInt64, digestLow: UInt64) {
        self.index = index
        self.digestHigh = digestHigh
        self.digestLow = digestLow
    }

    /// Reads the schema's message.
    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        self.init(index: 0, digestHigh: 0, digestLow: 0)
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1: index = try reader.integer(field, in: bytes)
            case 2: digestHigh = try reader.integer(field, in: bytes)
            case 3: digestLow = try reader.integer(field, in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
    }
}

/// What the wall clock of one voter said.
package struct ClockSample: Hashable, Sendable {
    /// The voter's number.
    package var node: UInt64
    /// Milliseconds since 1970.
    package var wallMilliseconds: UInt64

    /// Composes a sample.
    package init(node: UInt64, wallMilliseconds: UInt64) {
        self.node = node
        self.wallMilliseconds = wallMilliseconds
    }

    /// Reads the schema's message.
    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        self.init(node: 0, wallMilliseconds: 0)
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1: node = try reader.integer(field, in: bytes)
            case 2: wallMilliseconds = try reader.integer(field, in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
    }
}

extension Tick: CommandContent {
    func append(to bytes: inout [UInt8]) {
        for sample in samples {
            bytes.append(messageField: 1) { bytes in
                bytes.append(field: 1, sample.node)
                bytes.append(field: 2, sample.wallMilliseconds)
            }
        }
        guard let mark else { return }
        bytes.append(messageField: 2) { bytes in
            bytes.append(field: 1, mark.index)
            bytes.append(field: 2, mark.digestHigh)
            bytes.append(field: 3, mark.digestLow)
        }
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        self.init(samples: [])
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                try reader.checkCount(
                    samples.count,
                    field,
                    maximum: ProtocolLimits.maximumClockSamples
                )
                samples.append(
                    try ClockSample(
                        reader.elementMessage("ClockSample", field, in: bytes),
                        in: bytes
                    )
                )
            case 2:
                mark = try TickMark(reader.message("DigestMark", field, in: bytes), in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
    }

    package func validate() throws(ProtocolError) {
        guard (1...ProtocolLimits.maximumClockSamples).contains(samples.count) else {
            throw .outOfBounds(
                .invalidValue,
                "the tick",
                samples.count,
                1...ProtocolLimits.maximumClockSamples,
                unit: "samples"
            )
        }
        if let mark, !(1...ProtocolLimits.maximumQuantity).contains(mark.index) {
            throw ProtocolError(.invalidValue, "the mark's index is not 1 to 2^62")
        }
        var previous: UInt64 = 0
        for sample in samples {
            guard sample.node > previous else {
                throw ProtocolError(.invalidValue, "the samples are not ascending by node")
            }
            previous = sample.node
            guard sample.wallMilliseconds <= ProtocolLimits.maximumQuantity else {
                throw ProtocolError(.invalidValue, "a sample is above 2^62")
            }
        }
    }
}

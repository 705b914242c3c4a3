/// Advances cluster time to min(median of the samples, last + limit).
///
/// Proposed by the leader alone.
package struct Tick: Hashable, Sendable {
    /// Wall clocks of voters, each once, ascending by node.
    package var samples: [ClockSample]

    /// Composes the command.
    package init(samples: [ClockSample]) {
        self.samples = samples
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
            default: try reader.unknown(field, in: bytes)
            }
        }
    }

    func validate() throws(ProtocolError) {
        guard (1...ProtocolLimits.maximumClockSamples).contains(samples.count) else {
            throw .outOfBounds(
                .invalidValue,
                "the tick",
                samples.count,
                1...ProtocolLimits.maximumClockSamples,
                unit: "samples"
            )
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

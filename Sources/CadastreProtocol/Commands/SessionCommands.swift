/// Opens a session, whose slots recognise retries.
package struct OpenSession: Hashable, Sendable {
    /// How many slots, 1…1024; each holds the reply to its newest request.
    package var slots: UInt32

    /// Composes the command.
    package init(slots: UInt32) {
        self.slots = slots
    }
}

extension OpenSession: CommandContent {
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, UInt64(slots))
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        var slots: UInt32 = 0
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1: slots = try reader.integer32(field, in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
        self.init(slots: slots)
    }

    package func validate() throws(ProtocolError) {
        guard ProtocolLimits.sessionSlots.contains(Int(slots)) else {
            throw .outOfBounds(
                .invalidValue,
                "the session",
                Int(slots),
                ProtocolLimits.sessionSlots,
                unit: "slots"
            )
        }
    }
}

/// Closes a session of the same principal.
///
/// Those of the long silent are closed by ``Tick``.
package struct ExpireSession: Hashable, Sendable {
    /// Which session.
    package var session: UInt64

    /// Composes the command.
    package init(session: UInt64) {
        self.session = session
    }
}

extension ExpireSession: CommandContent {
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, UInt64(session))
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        var session: UInt64 = 0
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1: session = try reader.integer(field, in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
        self.init(session: session)
    }

    package func validate() throws(ProtocolError) {
        // Which sessions there are, only the state knows.
    }
}

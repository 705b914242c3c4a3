internal import CadastreProtocol
internal import RaftCore

/// What comes over a connection.
extension Rules {
    /// However a stream is cut, the same messages come of it, or the same error behind the same
    /// messages; and no more is held than is allowed.
    static func frame(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        let whole = try received(bytes, pieceSize: max(1, bytes.count))
        for pieceSize in [1, 7, 24, 61] {
            let cut = try received(bytes, pieceSize: pieceSize)
            try require(cut.messages == whole.messages, "pieces of \(pieceSize) bytes make others")
            try require(cut.error == whole.error, "pieces of \(pieceSize) bytes end otherwise")
        }
        var written: [UInt8] = []
        for message in whole.messages {
            Frame.append(
                message.header.kind,
                group: message.header.group,
                requestID: message.header.requestID,
                body: message.body,
                to: &written
            )
        }
        let again = try received(written, pieceSize: max(1, written.count))
        try require(
            again.messages == whole.messages && again.error == nil,
            "what was received cannot be sent on"
        )
        let boundaries = Frame.boundaries(in: written.span)
        try require(
            (boundaries.last?.upperBound ?? 0) == written.count,
            "the boundaries of frames do not end where the last one does"
        )
        return whole.error == nil && !whole.messages.isEmpty
    }

    private struct Received: Equatable {
        var messages: [AssembledMessage] = []
        var error: ProtocolError?
    }

    private static func received(
        _ bytes: [UInt8],
        pieceSize: Int
    ) throws(BrokenRule) -> Received {
        var assembler = FrameAssembler()
        var result = Received()
        var place = 0
        while place < bytes.count, result.error == nil {
            let end = min(place + pieceSize, bytes.count)
            result.error = receive(Array(bytes[place..<end]), &assembler, &result.messages)
            try require(
                assembler.heldBytes <= min(FrameAssembler.maximumHeldBytes, end),
                "\(assembler.heldBytes) bytes are held of \(end)"
            )
            try require(
                (assembler.oldestUnfinished == nil) == (assembler.heldBytes == 0),
                "what is unfinished has no number, or the number nothing unfinished"
            )
            place = end
        }
        if let error = result.error {
            let later = receive([], &assembler, &result.messages)
            try require(later == error, "an error is forgotten")
        }
        return result
    }

    private static func receive(
        _ bytes: [UInt8],
        _ assembler: inout FrameAssembler,
        _ messages: inout [AssembledMessage]
    ) -> ProtocolError? {
        do throws(ProtocolError) {
            try assembler.receive(bytes.span) { header, body throws(ProtocolError) in
                var copy: [UInt8] = []
                copy.reserveCapacity(body.count)
                for place in 0..<body.count { copy.append(body[place]) }
                messages.append(AssembledMessage(header: header, body: copy))
            }
            return nil
        } catch {
            return error
        }
    }

    static func greeting(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        // Its reserved bytes are for newer versions to fill, and are not looked at.
        guard let greeting = try stable(bytes, { try Greeting(decoding: $0) }, { $0.encode() })
        else { return false }
        // With itself every end has a version in common.
        try require(
            (try? greeting.commonVersion(with: greeting)) == greeting.highestVersion,
            "a greeting that does not even agree with itself"
        )
        return true
    }

    static func peerMessage(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        let group = GroupID(2)
        let message = try exact(
            bytes,
            { try PeerMessage(decoding: $0, group: group) },
            { $0.encode() }
        )
        guard let message else { return false }
        try require(
            message.message.term.value <= Limits.maximumTerm,
            "a term that could overflow"
        )
        try require(
            message.entries.count <= Limits.maximumEntriesPerMessage
                && message.entries.allSatisfy { $0.count <= Limits.maximumEntrySize },
            "entries beyond their limits"
        )
        if case .appendEntries = message.message.body {
            try require(PeerMessage.isOfLeader(bytes.span), "an append that no leader says")
        } else {
            try require(message.entries.isEmpty, "entries beside a message that has none")
        }
        return true
    }

    static func snapshotMessage(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        let message = try exact(bytes, { try SnapshotMessage(decoding: $0) }, { $0.encode() })
        if case .offer(let position) = message?.body {
            try require(
                position.index.value <= Limits.maximumTerm
                    && position.term.value <= Limits.maximumTerm,
                "an offer that could overflow"
            )
        }
        return message != nil
    }

    static func repairMessage(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        let message = try exact(bytes, { try RepairMessage(decoding: $0) }, { $0.encode() })
        if case .entries(let entries, _) = message?.body {
            try require(
                (1...RepairMessage.maximumEntries).contains(entries.count),
                "\(entries.count) entries in one answer"
            )
        }
        return message != nil
    }

    static func request(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        let request = try stable(bytes, { try RequestMessage(decoding: $0) }, { $0.encode() })
        guard let request else { return false }
        try require(
            (1...ProtocolLimits.maximumDeadlineMilliseconds)
                .contains(request.effectiveDeadlineMilliseconds),
            "a request that occupies a node for too long"
        )
        return true
    }

    static func reply(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        guard var reply = try? ReplyMessage(decoding: bytes) else { return false }
        // The words are for people, and shortened where they grew when they were made text of.
        reply.detail = ""
        guard var again = try? ReplyMessage(decoding: reply.encode()) else {
            throw BrokenRule("what was read is refused when it is written again")
        }
        again.detail = ""
        try require(again == reply, "it is read again as another value")
        return true
    }

    static func command(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        try stable(bytes, { try Command(decoding: $0) }, { $0.encode() }) != nil
    }

    static func query(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        let query = try stable(bytes, { try Query(decoding: $0) }, { $0.encode() })
        guard let query else { return false }
        // The place where a page goes on is a key or a name, as a client may make it up.
        switch query {
        case .listTenants(_, let maximum), .listBuckets(_, _, let maximum),
            .listGrants(_, _, let maximum):
            try require((0...ProtocolLimits.maximumPage).contains(maximum), "a page too large")
        case .listObjects(let listing):
            try require(
                (0...ProtocolLimits.maximumPage).contains(listing.maximum)
                    && listing.after.count <= ProtocolLimits.maximumListBoundSize
                    && listing.prefix.count <= ProtocolLimits.maximumListBoundSize,
                "a listing beyond its limits"
            )
        case .getTenant, .getBucket, .getObject, .getUsage: break
        }
        return true
    }

    static func answer(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        try stable(bytes, { try Answer(decoding: $0) }, { $0.encode() }) != nil
    }

    static func administration(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        try stable(bytes, { try AdministrationRequest(decoding: $0) }, { $0.encode() }) != nil
    }

    static func administrationAnswer(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        try stable(bytes, { try AdministrationAnswer(decoding: $0) }, { $0.encode() }) != nil
    }

    /// Alone, and between others as in an entry, which must not change what it is.
    static func envelope(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        let alone = try stable(bytes, { try CommandEnvelope(decoding: $0) }, { $0.encode() })
        let entry = [7] + bytes + bytes
        let among = try? CommandEnvelope(decoding: 1..<1 + bytes.count, of: entry)
        guard among == alone else {
            throw BrokenRule("between others an envelope is \(String(describing: among))")
        }
        return alone != nil
    }
}

internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// What goes between nodes, and what they learn of their connections.
extension World {
    /// The egress of peer messages: the persist-before-send monitor stands here.
    func send(_ outgoing: PeerFrame, from node: SimulatedNode) throws(Violation) {
        guard let to = place(of: outgoing.to) else {
            throw Violation(.unexpectedStop, "a message for node \(outgoing.to), who is nobody")
        }
        let message: Message
        do throws(ProtocolError) {
            message = try PeerMessage(decoding: outgoing.bytes, group: outgoing.group).message
        } catch {
            throw Violation(.unexpectedStop, "node \(node.id) sends what cannot be read: \(error)")
        }
        try checkLeader(message, node)
        try monitor.sends(
            message,
            from: node.place,
            leaderLog: leaderLog(of: message.term, at: to)
        )
        guard let letter = letter(outgoing.bytes, from: node, to: to),
            !network.isCut(from: node.place, to: to)
        else {
            tell("\(node.id) ✕ \(message.to)  \(message.words)")
            return
        }
        let arrivals = network.arrivals(of: now, from: node.place, to: to, &chance)
        tell("\(node.id) \(arrivals.isEmpty ? "✕" : "→") \(message.to)  \(message.words)")
        for arrival in arrivals {
            queue.add(.peerMessage(letter), at: arrival)
        }
    }

    /// Who speaks as a leader leads.
    private func checkLeader(_ message: Message, _ node: SimulatedNode) throws(Violation) {
        switch message.body {
        case .appendEntries, .heartbeat, .timeoutNow, .readIndexReply, .heldByAll:
            try leads(node, message.term)
        case .requestVote, .requestVoteReply, .appendEntriesReply, .heartbeatReply, .readIndex:
            break
        }
    }

    /// The log of who leads or led a term; `receiver` is where an acknowledgement in it goes.
    private func leaderLog(of term: Term, at receiver: Int) -> LogView? {
        let node = nodes[receiver]
        return node.isUp && node.role == .leader && node.term == term
            ? node.log : pastLeaders[term]
    }

    /// A message gets to the other end, if the link and the process are there.
    func arrive(_ letter: Letter) throws(Violation) {
        let (from, to) = (letter.from, letter.to)
        guard !network.isCut(from: from, to: to),
            isRead(letter, isOfLeader: Self.isOfLeader(letter.bytes))
        else { return }
        mix(UInt64(Checksum.crc32c(letter.bytes)) << 16 | UInt64(from) << 8 | UInt64(to))
        let bytes = try forged(letter.bytes, to: nodes[to])
        nodes[to].contact.hears(from: from)
        give(.received(from: nodes[from].id, group: .directory, bytes: bytes), to: to)
    }

    private static func isOfLeader(_ bytes: [UInt8]) -> Bool {
        PeerMessage.isOfLeader(bytes.span)
    }

    // MARK: Connections

    /// What a node learns of its connection to another one.
    func connection(_ place: Int, _ life: Int, _ other: Int, _ isUp: Bool) {
        let node = nodes[place]
        guard node.life == life, node.isUp, node.isConnected[other] != isUp else { return }
        let peer = nodes[other]
        let isReachable =
            !network.isCut(from: place, to: other) && !network.isCut(from: other, to: place)
        if isUp {
            guard peer.isUp, isReachable, dials(node, peer), isLetIn(node, by: peer) else {
                return
            }
            node.isConnected[other] = true
            if scenario.members != nil { peer.acquaintances[place] = node.incarnation }
            give(.peerConnected(peer.id), to: place)
        } else {
            node.isConnected[other] = false
            peer.acquaintances[place] = nil
            // Refused: the machine answers that no process listens. Else only silence.
            let isRefused = !peer.isUp && isReachable && chance.oneIn(2)
            if isRefused { reach.mark(.connectionRefused) }
            give(.peerDisconnected(peer.id, isRefused: isRefused), to: place)
            // A connection that broke beside a living peer is made again at once.
            guard peer.isUp, isReachable else { return }
            plan(
                .connection(place, life: life, of: other, isUp: true),
                after: chance.draw(1 * Span.millisecond...50 * Span.millisecond)
            )
        }
    }

    /// A process began: it and the others connect.
    func announce(_ node: SimulatedNode) {
        for other in nodes where other.place != node.place && other.isUp {
            let delay = chance.draw(200 * Span.microsecond...20 * Span.millisecond)
            for (one, two) in [(node, other), (other, node)] {
                plan(
                    .connection(one.place, life: one.life, of: two.place, isUp: true),
                    after: delay
                )
            }
        }
    }

    /// A process ended: the others notice.
    func announceEnd(of node: SimulatedNode) {
        for other in nodes where other.place != node.place && other.isUp {
            plan(
                .connection(other.place, life: other.life, of: node.place, isUp: false),
                after: chance.draw(200 * Span.microsecond...20 * Span.millisecond)
            )
        }
    }

    /// Links were mended: connections that this node was told are gone are made again, and only
    /// those: who noticed nothing must get on without being told.
    func reconnect(_ node: SimulatedNode) {
        for other in nodes where other.place != node.place && !node.isConnected[other.place] {
            if node.isUp, other.isUp { reach.mark(.connectionMadeAgain) }
            plan(
                .connection(node.place, life: node.life, of: other.place, isUp: true),
                after: 1 * Span.millisecond
            )
        }
    }

    /// Where the node of this number is.
    func place(of id: NodeID) -> Int? {
        guard id.value >= 1, id.value <= UInt64(nodes.count) else { return nil }
        return Int(id.value) - 1
    }
}

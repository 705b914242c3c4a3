internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// What leaves a node, and how it gets where it goes.
extension World {
    /// The egress of peer messages: the persist-before-send monitor stands here.
    func send(_ outgoing: PeerFrame, from node: SimulatedNode) throws(Violation) {
        guard let to = place(of: outgoing.to) else {
            throw Violation(.unexpectedStop, "a message for node \(outgoing.to), who is nobody")
        }
        let message: Message
        do throws(ProtocolError) {
            message = try decode(outgoing.bytes, group: outgoing.group)
        } catch {
            throw Violation(.unexpectedStop, "node \(node.id) sends what cannot be read: \(error)")
        }
        let receiver = nodes[to]
        let leads = receiver.role == .leader && receiver.term == message.term
        try monitor.sends(message, from: node.place, leaderLog: leads ? receiver.log : nil)
        guard !network.isCut(from: node.place, to: to) else { return }
        for arrival in network.arrivals(of: now, &chance) {
            queue.add(
                .peerMessage(from: node.place, to: to, outgoing.bytes),
                at: arrival
            )
        }
    }

    /// A message gets to the other end, if the link and the process are there.
    func arrive(_ from: Int, _ to: Int, _ bytes: [UInt8]) {
        guard nodes[to].isUp, !network.isCut(from: from, to: to) else { return }
        mix(UInt64(bytes.count) << 16 | UInt64(from) << 8 | UInt64(to))
        give(.received(from: nodes[from].id, group: .directory, bytes: bytes), to: to)
    }

    /// The egress of replies: what a client is told must be durable on a majority.
    func send(_ reply: OutgoingReply, from node: SimulatedNode) throws(Violation) {
        switch reply.content {
        case .command, .answer:
            let copies = committed.copies(of: reply.appliedIndex, on: monitor.logs)
            guard committed.isQuorum(copies) else {
                throw Violation(
                    .persistBeforeSend,
                    "node \(node.id) answers a client at index \(reply.appliedIndex), which is "
                        + "durable on \(copies) disks"
                )
            }
        case .digest, .transferred, .refused, .unknown: break
        }
        guard reply.key.connection != .max else {
            plan(.reply(reply), after: 0)
            return
        }
        // A connection that breaks takes replies with it.
        guard !chance.perMille(network.quality.lossPerMille) else { return }
        plan(.reply(reply), after: network.delay(&chance))
    }

    /// What a node learns of its connection to another one.
    func connection(_ place: Int, _ life: Int, _ other: Int, _ isUp: Bool) {
        let node = nodes[place]
        guard node.life == life else { return }
        let peer = nodes[other]
        if isUp {
            guard peer.isUp else { return }
            give(.peerConnected(peer.id), to: place)
        } else {
            let isReachable =
                !network.isCut(from: place, to: other) && !network.isCut(from: other, to: place)
            // Refused: the machine answers that no process listens. Else only silence.
            let isRefused = !peer.isUp && isReachable && chance.oneIn(2)
            if isRefused { reach.mark(.connectionRefused) }
            give(.peerDisconnected(peer.id, isRefused: isRefused), to: place)
        }
    }

    /// Tells all others that a process began or ended.
    func announce(_ node: SimulatedNode, isUp: Bool) {
        for other in nodes where other.place != node.place && other.isUp {
            let delay = chance.draw(200 * Span.microsecond...20 * Span.millisecond)
            plan(
                .connection(other.place, life: other.life, of: node.place, isUp: isUp),
                after: delay
            )
            if isUp {
                plan(
                    .connection(node.place, life: node.life, of: other.place, isUp: true),
                    after: delay
                )
            }
        }
    }

    private func place(of id: NodeID) -> Int? {
        guard id.value >= 1, id.value <= UInt64(nodes.count) else { return nil }
        return Int(id.value) - 1
    }

    private func decode(_ bytes: [UInt8], group: GroupID) throws(ProtocolError) -> Message {
        try PeerMessage(decoding: bytes, group: group).message
    }
}

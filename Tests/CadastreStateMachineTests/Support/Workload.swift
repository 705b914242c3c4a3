import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import RaftCore

/// Random commands over few names, so that they meet: with retries, reused and skipped sequences,
/// wrong principals, preconditions, quotas and ticks.
///
/// Follows from its seed and from the replies.
struct Workload {
    var generator: SplitMix64
    private var sessions: [(principal: Principal, id: UInt64, sequences: [UInt64])] = []
    private var tenants: [[UInt8]: TenantID] = [:]
    private var sent: [CommandEnvelope] = []
    private var time: UInt64 = 1_700_000_000_000
    private var focus = 0
    private let keyCount: Int

    init(seed: UInt64, keyCount: Int = 40) {
        generator = SplitMix64(seed: seed)
        self.keyCount = keyCount
    }

    /// The next command.
    mutating func next() -> CommandEnvelope {
        let envelope = fresh()
        sent.append(envelope)
        return envelope
    }

    /// What was answered, so that later commands can name what exists.
    mutating func received(_ reply: Reply, to envelope: CommandEnvelope) {
        if reply.refusal == .noSuchSession { lost(by: envelope) }
        guard reply.refusal == nil else { return }
        switch envelope.command {
        case .openSession(let command):
            guard case .none = envelope.identity else { return }
            sessions.append(
                (envelope.principal, reply.number, Array(repeating: 0, count: Int(command.slots)))
            )
        case .createTenant(let command): tenants[command.name] = TenantID(reply.number)
        default: break
        }
    }

    /// Ticks of a night in which nothing else happens: afterwards every session was silent too long.
    mutating func night() -> [CommandEnvelope] {
        (0..<8_720).map { _ in
            time += 10_000
            let samples = (1...3).map { ClockSample(node: $0, wallMilliseconds: time) }
            return CommandEnvelope(
                principal: .node(1),
                tenant: .none,
                identity: .none,
                command: .tick(Tick(samples: samples))
            )
        }
    }

    /// A session is not there: that of the request, which then is given up, or the one to close,
    /// and then the request's sequence was not taken.
    private mutating func lost(by envelope: CommandEnvelope) {
        guard case .slot(let id, let slot, let sequence) = envelope.identity,
            let place = sessions.firstIndex(where: { $0.id == id }),
            sessions[place].principal == envelope.principal
        else { return }
        if case .expireSession = envelope.command {
            let isKnown = Int(slot) < sessions[place].sequences.count
            guard isKnown, sessions[place].sequences[Int(slot)] == sequence else { return }
            sessions[place].sequences[Int(slot)] -= 1
        } else {
            sessions.remove(at: place)
        }
    }

    private mutating func fresh() -> CommandEnvelope {
        let dice = draw(1_000)
        if dice < 10 || sessions.count < 8 {
            // Somebody must administer.
            let hasOperator = sessions.contains {
                if case .operator = $0.principal { true } else { false }
            }
            return CommandEnvelope(
                principal: hasOperator ? principal() : .operator(name: bytes("root")),
                tenant: .none,
                identity: .none,
                command: .openSession(OpenSession(slots: UInt32(1 + draw(3))))
            )
        }
        if dice < 40 { return tick() }
        if dice < 80, let old = sent.suffix(30).randomElement(using: &generator) { return old }
        // The first session is an operator's: it founds what the others then work on.
        return request(place: sent.count < 60 ? 0 : draw(sessions.count))
    }

    /// A request of a session: mostly the next of one of its slots, by whose principal it is.
    private mutating func request(place: Int) -> CommandEnvelope {
        let slot = draw(sessions[place].sequences.count)
        let next = sessions[place].sequences[slot] + 1
        let tenant = tenant(for: sessions[place].principal)
        var envelope = CommandEnvelope(
            principal: sessions[place].principal,
            tenant: tenant,
            identity: .slot(session: sessions[place].id, slot: UInt32(slot), sequence: next),
            command: command(for: sessions[place].principal)
        )
        // Of these none takes up the sequence, so the slot goes on.
        switch draw(120) {
        case 0: envelope.principal = principal()
        case 1: envelope.rangeEpoch = UInt64(2 + draw(3))
        case 2: envelope.bucketEpoch = 2
        case 3: envelope.identity = .token(1, 2, hash: [UInt8](repeating: 0, count: 32))
        case 4:
            let sequence = next + UInt64(draw(4)) - 1
            envelope.identity = .slot(
                session: sessions[place].id,
                slot: UInt32(slot + draw(2)),
                sequence: sequence
            )
        case 5: envelope.identity = .none
        case 6:
            envelope.rangeEpoch = 1
            envelope.bucketEpoch = 1
            sessions[place].sequences[slot] = next
        default: sessions[place].sequences[slot] = next
        }
        return envelope
    }

    private mutating func tick() -> CommandEnvelope {
        time += UInt64(draw(8_000))
        if draw(200) == 0 { time += 30 * 3_600_000 }
        var samples: [ClockSample] = []
        for node in 1...3 where draw(10) > 0 {
            samples.append(
                ClockSample(node: UInt64(node), wallMilliseconds: time + UInt64(draw(40_000)))
            )
        }
        if draw(20) == 0 { samples.reverse() }
        return CommandEnvelope(
            principal: draw(20) == 0 ? principal() : .node(1),
            tenant: .none,
            identity: .none,
            command: .tick(Tick(samples: samples))
        )
    }

    private mutating func command(for principal: Principal) -> Command {
        if draw(60) == 0, let session = sessions.randomElement(using: &generator) {
            return .expireSession(ExpireSession(session: session.id))
        }
        let administers = if case .operator = principal { draw(30) > 0 } else { draw(30) == 0 }
        return administers ? administration() : work()
    }

    private mutating func administration() -> Command {
        switch draw(12) {
        case 0...3: .createTenant(CreateTenant(name: tenantName(), quota: quota()))
        case 4, 5: .updateTenant(UpdateTenant(name: tenantName(), quota: quota()))
        case 6:
            .setTenantStatus(
                SetTenantStatus(name: tenantName(), status: draw(8) == 0 ? .suspended : .active)
            )
        case 7: .deleteTenant(DeleteTenant(name: tenantName()))
        case 8...10: .grantService(GrantService(tenant: tenantName(), service: serviceName()))
        default: .revokeService(RevokeService(tenant: tenantName(), service: serviceName()))
        }
    }

    private mutating func work() -> Command {
        switch draw(20) {
        case 0: .createBucket(CreateBucket(name: bucketName()))
        case 1:
            draw(3) == 0
                ? .deleteBucket(DeleteBucket(name: bucketName())) : .deleteObject(deletion())
        case 2...5: .deleteObject(deletion())
        case 6, 7: .batch(Batch((0...draw(6)).map { _ in operation() }))
        default: .putObject(put())
        }
    }

    private mutating func operation() -> Batch.Operation {
        draw(4) == 0 ? .delete(deletion()) : .put(put())
    }

    private mutating func deletion() -> DeleteObject {
        DeleteObject(bucket: bucketName(), key: key(), precondition: precondition())
    }

    private mutating func put() -> PutObject {
        var put = PutObject(
            bucket: bucketName(),
            key: key(),
            size: UInt64(draw(2_000)),
            etag: bytes("e\(draw(4))"),
            contentType: bytes("text/\(draw(5))"),
            locations: [UInt8](repeating: UInt8(draw(256)), count: draw(60)),
            precondition: precondition()
        )
        if draw(4) == 0 {
            put.checksum = Checksum(algorithm: .crc32c, value: [1, 2, 3, UInt8(draw(256))])
        }
        if draw(4) == 0 { put.metadata = [Attribute(name: bytes("a"), value: bytes("\(draw(9))"))] }
        if draw(4) == 0 { put.tags = [Attribute(name: bytes("t"), value: [])] }
        if draw(6) == 0 { put.modifiedMilliseconds = UInt64(draw(1_000_000)) }
        if draw(60) == 0 { put.size = .max - UInt64(draw(2)) }
        if draw(60) == 0 { put.size = 1 << 62 }
        if draw(80) == 0 { put.key = [] }
        return put
    }

    private mutating func precondition() -> Precondition? {
        switch draw(12) {
        case 0: .ifAbsent
        case 1: .ifPresent
        case 2, 3: .ifMatch([bytes("e\(draw(4))"), bytes("e\(draw(4))")])
        default: nil
        }
    }

    private mutating func quota() -> Quota {
        Quota(
            bytes: draw(6) == 0 ? UInt64(draw(40_000)) : nil,
            objects: draw(6) == 0 ? UInt64(draw(40)) : nil,
            buckets: draw(3) == 0 ? UInt64(draw(2)) : nil
        )
    }

    private mutating func principal() -> Principal {
        switch draw(8) {
        case 0 where draw(4) == 0: .node(UInt64(1 + draw(3)))
        case 0, 1: .operator(name: bytes("root"))
        case 2, 3, 4: .service(name: serviceName())
        default: .tenant(tenant: tenantName(), name: bytes("u\(draw(2))"))
        }
    }

    private mutating func tenant(for principal: Principal) -> TenantID {
        let name =
            if case .tenant(let own, _) = principal, draw(20) > 0 { own } else { tenantName() }
        // Most buckets are asked for by those who have them.
        focus = Int(name.last ?? 0) - 0x30
        return tenants[name] ?? TenantID(UInt64(draw(9)))
    }

    private mutating func tenantName() -> [UInt8] { bytes(draw(60) == 0 ? "No" : "t\(draw(4))") }
    private mutating func serviceName() -> [UInt8] { bytes("s\(draw(3))") }
    private mutating func bucketName() -> [UInt8] {
        switch draw(60) {
        case 0: bytes("b")
        case 1...8: bytes("bkt\(draw(8))")
        default: bytes("bkt\(focus + 4 * draw(2))")
        }
    }

    /// Keys with the bytes that go wrong elsewhere: zero, 0xFF, delimiters, composed letters.
    private mutating func key() -> [UInt8] {
        let number = draw(keyCount)
        let tail: [UInt8] =
            [[0], [0xff], [0x2f], [0xc3, 0xa9], [0x65, 0xcc, 0x81], []][number % 6]
        // Some as long as may be, and the same for almost all of it.
        if number == keyCount - 1 {
            return [UInt8](repeating: 0x6b, count: 1_023) + [UInt8(draw(3))]
        }
        if number == keyCount - 2 {
            return Array((bytes("k9") + (0..<511).flatMap { _ in [0x2f, 0x61] }).prefix(1_024))
        }
        return bytes("k\(number / 6)") + tail
    }

    private mutating func draw(_ bound: Int) -> Int { generator.next(below: bound) }
}

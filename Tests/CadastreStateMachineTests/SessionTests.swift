import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import RaftCore
import Testing

/// Exactly once, and the life of sessions.
struct SessionTests {
    private func put(_ key: String, _ world: World, _ identity: RequestIdentity) -> CommandEnvelope
    {
        CommandEnvelope(
            principal: world.owner.principal,
            tenant: world.owner.tenant,
            identity: identity,
            command: .putObject(PutObject(bucket: bytes("photos"), key: bytes(key), size: 5))
        )
    }

    private func tick(_ world: World, to time: UInt64) throws -> Reply {
        try world.machine.apply(
            CommandEnvelope(
                principal: .node(1),
                tenant: .none,
                identity: .none,
                command: .tick(Tick(samples: [ClockSample(node: 1, wallMilliseconds: time)]))
            )
        )
    }

    @Test
    func `a retry is answered with the stored reply and changes nothing`() throws {
        var world = try World()
        let first = put("a", world, .slot(session: world.owner.session, slot: 1, sequence: 1))
        let reply = try world.machine.apply(first)
        #expect(reply.sequence > 0)
        world.owner.sequence = 1
        try world.delete(bytes("a"))
        let digest = world.machine.digest
        #expect(try world.machine.apply(first) == reply)
        #expect(world.machine.digest == digest)
        try world.machine.checkpoint()
        #expect(try world.machine.apply(first) == reply)
    }

    @Test
    func `a refusal is stored, a routing refusal is not`() throws {
        let world = try World()
        let session = world.owner.session
        var stale = put("a", world, .slot(session: session, slot: 1, sequence: 1))
        stale.rangeEpoch = 9
        #expect(try world.machine.apply(stale).refusal == .staleRangeEpoch)
        stale.rangeEpoch = 1
        stale.bucketEpoch = 9
        #expect(try world.machine.apply(stale).refusal == .staleBucketEpoch)
        stale.bucketEpoch = 1
        #expect(try world.machine.apply(stale).refusal == nil)

        var absent = stale
        absent.identity = .slot(session: session, slot: 1, sequence: 2)
        absent.command = .putObject(PutObject(bucket: bytes("later"), key: [1], size: 1))
        #expect(try world.machine.apply(absent).refusal == .noSuchBucket)
        var create = absent
        create.identity = .slot(session: session, slot: 2, sequence: 1)
        create.command = .createBucket(CreateBucket(name: bytes("later")))
        #expect(try world.machine.apply(create).refusal == nil)
        // The outcome of the request is what it was.
        #expect(try world.machine.apply(absent).refusal == .noSuchBucket)
    }

    @Test
    func `sequences, slots and sessions that do not fit are refused`() throws {
        let world = try World()
        let session = world.owner.session
        func refusal(_ identity: RequestIdentity, key: String = "a") throws -> Refusal? {
            try world.machine.apply(put(key, world, identity)).refusal
        }
        #expect(try refusal(.slot(session: session, slot: 1, sequence: 0)) == .sequenceOutOfOrder)
        #expect(try refusal(.slot(session: session, slot: 1, sequence: 2)) == .sequenceOutOfOrder)
        #expect(
            try refusal(.slot(session: session, slot: 1, sequence: .max)) == .sequenceOutOfOrder
        )
        #expect(try refusal(.slot(session: session, slot: 1, sequence: 1)) == nil)
        #expect(
            try refusal(.slot(session: session, slot: 1, sequence: 1), key: "b") == .requestReused
        )
        #expect(try refusal(.slot(session: session, slot: 4, sequence: 1)) == .slotOutOfRange)
        #expect(try refusal(.slot(session: session ^ 1, slot: 0, sequence: 1)) == .noSuchSession)
        // The operator's session is nobody else's.
        let others = world.administrator.session
        #expect(try refusal(.slot(session: others, slot: 1, sequence: 1)) == .noSuchSession)
        #expect(try refusal(.none) == .malformed)
        #expect(try refusal(.token(1, 2, hash: [])) == .notSupported)
    }

    @Test
    func `a session silent for a day of cluster time is closed by a tick, a used one is not`()
        throws
    {
        let world = try World()
        var time: UInt64 = 1_700_000_000_000
        _ = try tick(world, to: time)
        // Opened before the first tick, and not taken for silent since 1970.
        var caller = world.owner
        let idle = try Caller(world.owner.principal, on: world.machine, tenant: world.owner.tenant)
        let digest = world.machine.digest
        for step in 1...8_700 {
            time += 10_000
            #expect(try tick(world, to: time).sequence > 0)
            guard step.isMultiple(of: 4_000) else { continue }
            let put = PutObject(bucket: bytes("photos"), key: bytes("\(step)"), size: 1)
            #expect(try world.machine.apply(caller.next(.putObject(put))).refusal == nil)
        }
        #expect(world.machine.digest != digest)
        let identity = RequestIdentity.slot(session: idle.session, slot: 0, sequence: 1)
        #expect(try world.machine.apply(put("x", world, identity)).refusal == .noSuchSession)
        let put = PutObject(bucket: bytes("photos"), key: bytes("end"), size: 1)
        #expect(try world.machine.apply(caller.next(.putObject(put))).refusal == nil)
        #expect(try world.machine.recomputeDigest().digest == world.machine.digest)
    }

    /// One tick closes few; which, no order in a node's memory may say, nor whether it was started
    /// again meanwhile.
    @Test(arguments: [false, true])
    func `of sessions that are silent for equally long the lowest numbers go first`(
        isStartedAgain: Bool
    ) throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk)
        var time: UInt64 = 1_700_000_000_000
        _ = try tick(world, to: time)
        var sessions = [world.administrator.session, world.owner.session]
        for _ in 0..<40 {
            let caller = try Caller(
                world.owner.principal,
                on: world.machine,
                tenant: world.owner.tenant
            )
            sessions.append(caller.session)
        }
        let allowed =
            StateLimits.sessionSilenceMilliseconds + StateLimits.sessionTimeStepMilliseconds
        for _ in 0..<allowed / StateLimits.maximumTickMilliseconds {
            time += StateLimits.maximumTickMilliseconds
            _ = try tick(world, to: time)
        }
        // Somebody comes, and is heard of last.
        _ = try Caller(world.owner.principal, on: world.machine, tenant: world.owner.tenant)
        if isStartedAgain {
            try world.machine.close()
            world.machine = try makeMachine(disk)
        }
        time += StateLimits.maximumTickMilliseconds
        _ = try tick(world, to: time)
        // Of another one's session the owner is told nothing.
        let own = sessions.filter { $0 != world.administrator.session }
        let gone = try own.filter { session in
            let identity = RequestIdentity.slot(session: session, slot: 0, sequence: 1_000)
            return try world.machine.apply(put("x", world, identity)).refusal == .noSuchSession
        }
        let first = sessions.sorted().prefix(StateLimits.sessionsClosedPerTick)
        #expect(Set(gone) == Set(own).intersection(first))
    }

    private func open(_ principal: Principal, _ world: World) throws -> Refusal? {
        try world.machine.apply(
            CommandEnvelope(
                principal: principal,
                tenant: .none,
                identity: .none,
                command: .openSession(OpenSession(slots: 1))
            )
        ).refusal
    }

    @Test
    func `one tenant cannot take all sessions, whatever its users are called`() throws {
        let world = try World()
        var refused: Refusal?
        for number in 0..<StateLimits.maximumSessionsPerHolder {
            let user = Principal.tenant(tenant: bytes("acme"), name: bytes("u\(number)"))
            refused = try open(user, world)
        }
        #expect(refused == .tooManySessions)
        #expect(try open(.service(name: bytes("s")), world) == nil)
        #expect(try open(.tenant(tenant: bytes("rival"), name: bytes("u1")), world) == nil)
        #expect(try world.machine.recomputeDigest().digest == world.machine.digest)
    }

    @Test
    func `when services and tenants have taken all they can, newcomers and operators get in`()
        throws
    {
        let world = try World()
        let most = StateLimits.maximumSessions - StateLimits.sessionsForOperators
        var opened = 2
        func fill(_ holders: Range<Int>) throws {
            for number in holders {
                let holder = Principal.service(name: bytes("s\(number)"))
                while opened <= most, try open(holder, world) == nil { opened += 1 }
            }
        }
        // Each takes all it can, which is never more than it leaves.
        try fill(0..<18)
        #expect(opened > most * 9 / 10)
        #expect(try open(.service(name: bytes("late")), world) == nil)
        opened += 1
        try fill(18..<60)
        #expect(opened == most)
        for _ in 0..<100 {
            #expect(try open(.operator(name: bytes("root")), world) == nil)
        }
    }

    @Test
    func `a refusal that may pass is not stored, and its sequence is the next one still`() throws {
        let world = try World()
        let session = world.owner.session
        let open = CommandEnvelope(
            principal: world.owner.principal,
            tenant: world.owner.tenant,
            identity: .slot(session: session, slot: 1, sequence: 1),
            command: .openSession(OpenSession(slots: 1))
        )
        var others: [UInt64] = []
        while others.count < StateLimits.maximumSessionsPerHolder - 1 {
            others.append(try Caller(world.owner.principal, on: world.machine).session)
        }
        let digest = world.machine.digest
        #expect(try world.machine.apply(open).refusal == .tooManySessions)
        #expect(world.machine.digest == digest)
        var close = open
        close.identity = .none
        close.command = .expireSession(ExpireSession(session: others[0]))
        #expect(try world.machine.apply(close).number == 1)
        // The same request is judged anew, and its success is then what a retry is told.
        let reply = try world.machine.apply(open)
        #expect(reply.refusal == nil && reply.number != 0)
        #expect(try world.machine.apply(open) == reply)
        // A session that is not there may not be there yet: not stored either.
        close.identity = .slot(session: session, slot: 1, sequence: 2)
        #expect(try world.machine.apply(close).refusal == .noSuchSession)
        #expect(try world.machine.apply(put("a", world, close.identity)).refusal == nil)
    }

    /// Clients leave so: a session that nobody can close any more would stay a day.
    @Test
    func `a session is closed without one`() throws {
        let world = try World()
        let close = CommandEnvelope(
            principal: world.owner.principal,
            tenant: .none,
            identity: .none,
            command: .expireSession(ExpireSession(session: world.owner.session))
        )
        #expect(try world.machine.apply(close).number == 1)
        #expect(try world.machine.apply(close).refusal == .noSuchSession)
    }

    @Test
    func `a command that closes its own session is answered once`() throws {
        var world = try World()
        let close = world.owner.next(.expireSession(ExpireSession(session: world.owner.session)))
        #expect(try world.machine.apply(close).number == 1)
        #expect(try world.machine.apply(close).refusal == .noSuchSession)
        #expect(try world.machine.recomputeDigest().digest == world.machine.digest)
    }
}

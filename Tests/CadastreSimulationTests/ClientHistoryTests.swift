import CadastreProtocol
import CadastreSimulation
import RaftCore
import Testing

/// The history of the clients catches what it is for.
struct ClientHistoryTests {
    private let key = ClientHistory.Key(
        tenant: TenantID(1),
        bucket: Array("bucket".utf8),
        key: Array("key".utf8)
    )
    private let one = Array("one".utf8)
    private let two = Array("two".utf8)

    private func identity(_ sequence: UInt64, slot: UInt32 = 0) -> ClientHistory.Identity {
        ClientHistory.Identity(session: 1, slot: slot, sequence: sequence)
    }

    private func envelope(_ sequence: UInt64, slot: UInt32 = 0) -> CommandEnvelope {
        CommandEnvelope(
            principal: .operator(name: Array("op".utf8)),
            tenant: TenantID(1),
            identity: .slot(session: 1, slot: slot, sequence: sequence),
            command: .deleteObject(DeleteObject(bucket: key.bucket, key: key.key))
        )
    }

    private func commit(
        _ history: inout ClientHistory,
        _ sequence: UInt64,
        slot: UInt32 = 0,
        at index: UInt64
    ) -> Violation.Rule? {
        caught { () throws(Violation) in
            _ = try history.committed([envelope(sequence, slot: slot)], at: LogIndex(index))
        }
    }

    private func acknowledge(
        _ history: inout ClientHistory,
        _ write: Int,
        _ reply: Reply = .done(sequence: 9),
        at index: UInt64
    ) -> Violation.Rule? {
        caught { () throws(Violation) in
            try history.acknowledged(write, reply, at: LogIndex(index))
        }
    }

    private func read(
        _ history: inout ClientHistory,
        _ value: [UInt8]?,
        at index: UInt64,
        floor: UInt64 = 0
    ) -> Violation.Rule? {
        caught { () throws(Violation) in
            try history.read(key, value, at: LogIndex(index), floor: LogIndex(floor))
        }
    }

    private func put(_ history: inout ClientHistory, _ value: [UInt8], _ sequence: UInt64) -> Int {
        let write = history.begins(.put(key, value), as: identity(sequence))
        history.attempts(write)
        return write
    }

    @Test
    func `an honest history passes`() {
        var history = ClientHistory()
        let first = put(&history, one, 1)
        #expect(commit(&history, 1, at: 3) == nil)
        #expect(acknowledge(&history, first, at: 3) == nil)
        #expect(read(&history, nil, at: 2) == nil)
        #expect(read(&history, one, at: 3, floor: 3) == nil)
        let second = put(&history, two, 2)
        #expect(commit(&history, 2, at: 5) == nil)
        #expect(acknowledge(&history, second, at: 5) == nil)
        #expect(read(&history, two, at: 6, floor: 5) == nil)
        #expect(history.answered == 5)
    }

    @Test
    func `an acknowledged write that is not in the log is caught`() {
        var history = ClientHistory()
        let write = put(&history, one, 1)
        #expect(acknowledge(&history, write, at: 3) == .acknowledgedWrites)
    }

    @Test
    func `a refused write that is in the log is caught`() {
        var history = ClientHistory()
        let write = put(&history, one, 1)
        #expect(caught { () throws(Violation) in try history.refused(write) } == nil)
        #expect(commit(&history, 1, at: 3) == .acknowledgedWrites)
    }

    @Test
    func `a write that was refused after it was committed is caught`() {
        var history = ClientHistory()
        let write = put(&history, one, 1)
        #expect(commit(&history, 1, at: 3) == nil)
        #expect(caught { () throws(Violation) in try history.refused(write) } != nil)
    }

    @Test
    func `a write that nobody sent is caught`() {
        var history = ClientHistory()
        #expect(commit(&history, 1, at: 3) == .acknowledgedWrites)
    }

    @Test
    func `a retry takes effect once and says the same`() {
        var history = ClientHistory()
        let write = put(&history, one, 1)
        history.attempts(write)
        #expect(commit(&history, 1, at: 3) == nil)
        let later = put(&history, two, 2)
        #expect(acknowledge(&history, write, at: 3) == nil)
        #expect(commit(&history, 2, at: 4) == nil)
        #expect(acknowledge(&history, later, .done(sequence: 10), at: 4) == nil)
        #expect(commit(&history, 1, at: 5) == nil)
        #expect(read(&history, two, at: 5) == nil)
        #expect(acknowledge(&history, write, .done(sequence: 11), at: 5) == .acknowledgedWrites)
    }

    @Test
    func `a stale read and a wrong read are caught`() {
        var history = ClientHistory()
        let write = put(&history, one, 1)
        #expect(commit(&history, 1, at: 3) == nil)
        #expect(acknowledge(&history, write, at: 3) == nil)
        #expect(read(&history, nil, at: 2, floor: 3) == .linearizability)
        #expect(read(&history, nil, at: 3) == .linearizability)
        #expect(read(&history, two, at: 3) == .linearizability)
    }

    @Test
    func `a write that takes effect before it was sent is caught`() {
        var history = ClientHistory()
        let first = put(&history, one, 1)
        #expect(commit(&history, 1, at: 3) == nil)
        #expect(acknowledge(&history, first, at: 3) == nil)
        let second = history.begins(.put(key, two), as: identity(1, slot: 1))
        history.attempts(second)
        #expect(commit(&history, 1, slot: 1, at: 3) == nil)
        #expect(acknowledge(&history, second, at: 3) == .linearizability)
    }

    @Test
    func `a condition that is judged wrongly is caught`() {
        var history = ClientHistory()
        let write = put(&history, one, 1)
        #expect(commit(&history, 1, at: 3) == nil)
        #expect(acknowledge(&history, write, at: 3) == nil)
        let conditional = history.begins(.putIfAbsent(key, two), as: identity(2))
        history.attempts(conditional)
        #expect(commit(&history, 2, at: 4) == nil)
        #expect(acknowledge(&history, conditional, at: 4) == .acknowledgedWrites)
        let refused = Reply.refused(.preconditionFailed)
        #expect(acknowledge(&history, conditional, refused, at: 4) == nil)
    }

    @Test
    func `a list that lacks an object is caught`() {
        var history = ClientHistory()
        let write = put(&history, one, 1)
        #expect(commit(&history, 1, at: 3) == nil)
        #expect(acknowledge(&history, write, at: 3) == nil)
        func list(_ objects: [(key: [UInt8], value: [UInt8])]) -> Violation.Rule? {
            caught { () throws(Violation) in
                try history.listed(
                    tenant: key.tenant,
                    bucket: key.bucket,
                    objects,
                    at: LogIndex(3),
                    floor: LogIndex(3)
                )
            }
        }
        #expect(list([(key.key, one)]) == nil)
        #expect(list([]) == .linearizability)
        #expect(list([(key.key, two)]) == .linearizability)
    }
}

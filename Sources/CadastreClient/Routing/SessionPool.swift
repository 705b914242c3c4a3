internal import CadastreProtocol

/// The session by which retries are recognised, and who holds which of its slots.
///
/// A slot serves one write at a time, from its first attempt until its outcome is settled; the
/// retries carry the same (session, slot, sequence), so that the write happens once. Opened when
/// the first write needs it; writes wait when all slots are taken. Lives on the router's event
/// loop alone.
struct SessionPool {
    /// A slot in the hands of one request.
    struct Lease: Hashable {
        fileprivate let generation: UInt64
        fileprivate let index: Int
        fileprivate(set) var sequence: UInt64
        /// The lowest sequence that can be the slot's next; below `sequence` while it is not known
        /// whether refused requests used theirs.
        fileprivate let lowest: UInt64
    }

    /// What became of the sequence that a request held.
    enum Fate {
        /// The node keeps a reply under it.
        case used
        /// It never reached the state machine and never will.
        case unused
        /// One of the two, and settled: no attempt is on its way any more.
        case usedOrUnused
        /// An attempt may still be on its way: nobody may use the slot again.
        case unsettled
    }

    enum State: Equatable {
        case none
        case opening
        case open(UInt64)
    }

    private struct Slot {
        /// Above every sequence that can have been used.
        var sequence: UInt64 = 1
        var lowest: UInt64 = 1
    }

    private struct Leaving {
        let session: UInt64
        var leaseCount: Int
    }

    private(set) var state = State.none
    /// Requests that wait for a slot.
    let waiting = RequestQueue()
    private let slotCount: Int
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var retiredCount = 0
    /// Slots in the hands of requests.
    private var leaseCount = 0
    private var generation: UInt64 = 0
    /// Sessions that were left with slots in doubt while other requests held theirs, by generation:
    /// closing one before the last of them is settled would make its outcome unknown.
    private var leaving: [UInt64: Leaving] = [:]
    /// Sessions that were left and that no request uses any more, to be closed.
    private var abandoned: [UInt64] = []

    init(slotCount: Int) {
        self.slotCount = slotCount
    }

    mutating func becomeOpening() {
        precondition(state == .none, "a session is opened twice")
        state = .opening
    }

    mutating func becomeOpen(_ session: UInt64) {
        precondition(state == .opening, "a session was not being opened")
        state = .open(session)
        generation += 1
        slots = Array(repeating: Slot(), count: slotCount)
        free = Array((0..<slotCount).reversed())
        retiredCount = 0
        leaseCount = 0
    }

    /// Opening failed, or the session is used no longer.
    mutating func becomeNone() {
        state = .none
        slots = []
        free = []
        leaseCount = 0
    }

    /// Gives the request a slot; false if all are taken or no session is open.
    mutating func lease(to request: ActiveRequest) -> Bool {
        guard case .open(let session) = state, let index = free.popLast() else { return false }
        leaseCount += 1
        let slot = slots[index]
        request.slot = Lease(
            generation: generation,
            index: index,
            sequence: slot.sequence,
            lowest: slot.lowest
        )
        request.identity = .slot(
            session: session,
            slot: UInt32(index),
            sequence: slot.sequence
        )
        return true
    }

    /// Goes back to the sequence before, after the node has said that this one is not the next, so
    /// that the one before was not used; false if that cannot be.
    mutating func fallBack(_ request: ActiveRequest) -> Bool {
        guard var lease = request.slot, lease.generation == generation,
            lease.sequence > lease.lowest, case .open(let session) = state
        else { return false }
        lease.sequence -= 1
        request.slot = lease
        request.identity = .slot(
            session: session,
            slot: UInt32(lease.index),
            sequence: lease.sequence
        )
        return true
    }

    /// Takes the slot back.
    mutating func release(_ request: ActiveRequest, _ fate: Fate) {
        guard let lease = takeLease(of: request) else { return }
        guard lease.generation == generation, case .open(let session) = state else {
            returned(lease)
            return
        }
        leaseCount -= 1
        switch fate {
        case .used:
            slots[lease.index] = Slot(sequence: lease.sequence + 1, lowest: lease.sequence + 1)
        case .unused:
            slots[lease.index] = Slot(sequence: lease.sequence, lowest: lease.lowest)
        case .usedOrUnused:
            slots[lease.index] = Slot(sequence: lease.sequence + 1, lowest: lease.lowest)
        case .unsettled:
            retiredCount += 1
            // Too few slots left: a new session is cheaper than waiting for them.
            if retiredCount * 2 >= slotCount { leave(session) }
            return
        }
        free.append(lease.index)
    }

    /// The node does not know the session that this request's slot belongs to.
    mutating func lost(by request: ActiveRequest) {
        guard let lease = takeLease(of: request) else { return }
        guard lease.generation == generation, case .open = state else {
            // Nothing of it is left to be closed.
            leaving[lease.generation] = nil
            return
        }
        becomeNone()
    }

    /// Takes the sessions that were left behind and that no request uses any more.
    mutating func takeAbandoned() -> [UInt64] {
        defer { abandoned = [] }
        return abandoned
    }

    /// Takes the open session, if there is one, whoever uses it: the client is being closed.
    mutating func takeOpen() -> UInt64? {
        guard case .open(let session) = state else { return nil }
        becomeNone()
        return session
    }

    private mutating func takeLease(of request: ActiveRequest) -> Lease? {
        defer {
            request.slot = nil
            request.identity = .none
        }
        return request.slot
    }

    private mutating func leave(_ session: UInt64) {
        if leaseCount == 0 {
            abandoned.append(session)
        } else {
            leaving[generation] = Leaving(session: session, leaseCount: leaseCount)
        }
        becomeNone()
    }

    private mutating func returned(_ lease: Lease) {
        guard var left = leaving[lease.generation] else { return }
        left.leaseCount -= 1
        leaving[lease.generation] = left.leaseCount > 0 ? left : nil
        if left.leaseCount == 0 { abandoned.append(left.session) }
    }
}

package import CadastreDisk
package import CadastreProtocol
package import CadastreStateMachine
internal import RaftCore

/// A state machine with one tenant and one bucket, ready for puts.
package final class LoadedState {
    /// The machine.
    package let machine: StateMachine
    /// Who may put and ask.
    package let caller: Caller
    private var replies: [Reply] = []

    /// Founds a state in a directory that holds none.
    ///
    /// - Throws: as the state machine.
    package init(directory: String, on disk: any Disk) throws {
        let machine = try StateMachine.open(
            directory: directory,
            on: disk,
            identity: StateMachineIdentity(
                cluster: ClusterID(high: 1, low: 2),
                node: NodeID(1),
                incarnation: Incarnation(high: 3, low: 4)
            )
        )
        caller = try Caller { command in
            var replies: [Reply] = []
            try machine.apply(Self.next(of: machine), commands: [command], into: &replies)
            return replies[0]
        }
        self.machine = machine
    }

    /// Puts so many objects under ascending keys, as a start for what is measured.
    ///
    /// - Throws: as the state machine.
    package func fill(_ count: Int) throws {
        var puts = PutStream(of: caller, .ascending, keyCount: count, slots: 64..<128)
        var rest = count
        while rest > 0 {
            try apply(puts.next(min(64, rest)))
            rest -= 64
        }
        try machine.checkpoint()
    }

    /// Applies one entry, and commits if that is due.
    ///
    /// - Throws: as the state machine.
    package func apply(_ commands: [CommandEnvelope]) throws {
        replies.removeAll(keepingCapacity: true)
        try machine.apply(Self.next(of: machine), commands: commands, into: &replies)
        precondition(replies.allSatisfy { $0.refusal == nil }, "a put is refused")
        try machine.endOfTurn(idle: false)
    }

    /// Asks for one object or one page, which must be there.
    ///
    /// - Throws: as the state machine.
    package func ask(_ query: Query) throws -> Answer {
        let answer = try machine.answer(
            query,
            tenant: caller.tenant,
            principal: caller.principal
        )
        guard case .success(let found) = answer else {
            preconditionFailure("a query is refused: \(answer)")
        }
        return found
    }

    private static func next(of machine: StateMachine) -> EntryContext {
        let index = machine.applied.index.next
        return EntryContext(
            position: LogPosition(index: index, term: Term(1)),
            kind: .commands,
            now: 0,
            random: (index.value, ~index.value),
            featureLevel: 1
        )
    }
}

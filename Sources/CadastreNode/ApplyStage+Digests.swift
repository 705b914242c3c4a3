internal import CadastreProtocol
internal import CadastreStateMachine
internal import RaftCore

/// Digests recomputed from the rows, a slice in each turn, while entries are applied.
extension ApplyStage {
    /// Somebody asks for one.
    func take(
        _ key: RequestKey,
        index: LogIndex,
        at moment: Moment,
        into output: inout ApplyOutput
    ) {
        guard digests.add(key, index: index, at: moment.monotonic) else {
            output.replies.append(reply(to: key, .refused(.overloaded, leader: .none)))
            return
        }
        digests.applied(through: stateMachine.applied.index) { stateMachine.digest }
    }

    /// Reads on, and answers when all rows were read.
    ///
    /// The answer is for the index at which the digest was noted, though the rows are those of a
    /// later one: what they differ by from the digest kept there, they differed by before.
    ///
    /// - Returns: Where application must begin again, if the transaction was lost; then the reading
    ///   begins anew as well.
    func verify(into output: inout ApplyOutput) throws(StateMachineError) -> LogIndex? {
        guard digests.areReady else {
            stateMachine.endVerification()
            return nil
        }
        var found: VerifiedRows?
        // While somebody waits for an answer, as little as a turn's answers cost.
        let most = settings.maximumVerifiedPerTurn
        let rows = queries.readyCount > 0 ? max(1, most / 32) : most
        let lost = try surviving { () throws(StateMachineError) in
            if !stateMachine.isVerifying {
                digests.begin()
                try stateMachine.beginVerification()
            }
            found = try stateMachine.continueVerification(maximumRows: rows)
        }
        guard let found else { return lost }
        for noted in digests.finish() {
            var computed = noted.digest
            computed += found.difference
            output.replies.append(
                OutgoingReply(
                    key: noted.key,
                    appliedIndex: noted.index,
                    content: .digest(
                        DigestReport(
                            index: noted.index,
                            kept: noted.digest.bytes,
                            computed: computed.bytes,
                            rows: found.rows,
                            damage: found.damage
                        )
                    )
                )
            )
        }
        return lost
    }
}

extension StateDigest {
    /// The 16 bytes, high half first, each little-endian.
    package var bytes: [UInt8] {
        [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> ($0 * 8)) } }
    }
}

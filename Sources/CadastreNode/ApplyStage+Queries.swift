internal import CadastreProtocol
internal import CadastreStateMachine
internal import RaftCore

/// Queries: answered once their index is applied, tenant by tenant, a bounded piece of work a turn.
extension ApplyStage {
    /// A query came.
    func take(_ query: WaitingQuery, index: LogIndex, into output: inout ApplyOutput) {
        if index <= max(stateMachine.applied.index, furthest) {
            queries.addReady(query)
        } else if !queries.add(query, index: index) {
            refuse(query, .overloaded, into: &output)
        }
    }

    /// Refuses what nobody waits for any more.
    func refuseExpired(at moment: Moment, into output: inout ApplyOutput) {
        for query in queries.takeExpired(at: moment.monotonic) {
            refuse(query, .deadlinePassed, into: &output)
        }
        for key in digests.takeExpired(at: moment.monotonic) {
            output.replies.append(reply(to: key, .refused(.deadlinePassed, leader: .none)))
        }
    }

    /// Answers as much as one turn may.
    ///
    /// - Returns: Where application must begin again, if a read lost the transaction; its query and
    ///   the others wait on.
    func answer(
        at moment: Moment,
        into output: inout ApplyOutput
    ) throws(StateMachineError) -> LogIndex? {
        queries.applied(through: stateMachine.applied.index)
        var rows: UInt64 = 0
        var size = 0
        while rows < settings.maximumRowsPerTurn, size < settings.maximumAnswersPerTurn,
            let query = queries.next()
        {
            guard query.deadline >= moment.monotonic else {
                refuse(query, .deadlinePassed, into: &output)
                continue
            }
            let before = stateMachine.rowsRead
            var outcome = Result<Answer, Refusal>.failure(.notReady)
            let lost = try surviving { () throws(StateMachineError) in
                outcome = try stateMachine.answer(
                    query.query,
                    tenant: query.tenant,
                    principal: query.principal
                )
            }
            if let lost {
                if stateMachine.isOutOfSpace {
                    // What had to be written before it could be read would find no room again.
                    refuse(query, .diskFull, into: &output)
                } else {
                    queries.addReady(query)
                }
                return lost
            }
            rows += stateMachine.rowsRead - before + Self.rowsOfAnAnswer
            switch outcome {
            case .success(.objects(let page)):
                size += page.answerSize
                settle(query, .page(page), into: &output)
            case .success(let answer):
                let bytes = answer.encode()
                size += bytes.count
                settle(query, .answer(bytes), into: &output)
            case .failure(let refusal): refuse(query, refusal, into: &output)
            }
        }
        return nil
    }

    /// What an answer costs beside the rows that it reads.
    private static var rowsOfAnAnswer: UInt64 { 8 }
}

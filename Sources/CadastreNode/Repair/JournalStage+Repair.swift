internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

/// The side that has what a peer's damaged journal lacks.
extension JournalStage {
    /// Answers of one turn: who is mended asks one thing at a time, and asks again; nobody else's
    /// write is to wait for more.
    private static let maximumAnswers = 2

    /// Answers peers that are mending their journals.
    ///
    /// - Throws: What the disk said of what was asked for.
    func answer(
        _ events: [JournalEvent],
        into results: inout [JournalResult]
    ) throws(StorageError) {
        var count = 0
        for case .repair(let peer, let group, let bytes) in events {
            let question: RepairMessage
            do throws(ProtocolError) {
                question = try RepairMessage(decoding: bytes)
            } catch {
                results.append(.repairFault(PeerFault(peer: peer, reason: "\(error)")))
                continue
            }
            // What is not a question is an answer that came late: this node is whole.
            guard question.body == .fetch, count < Self.maximumAnswers else { continue }
            count += 1
            let answer = RepairMessage(
                question.index,
                question.hash,
                try body(question, group)
            )
            results.append(
                .repairAnswer(
                    PeerFrame(
                        to: peer,
                        group: group,
                        kind: .repair,
                        bytes: answer.encode(),
                        isUrgent: false
                    )
                )
            )
        }
    }

    private func body(
        _ question: RepairMessage,
        _ group: GroupID
    ) throws(StorageError) -> RepairMessage.Body {
        let chain = try journal.chain(
            group,
            endingAt: question.index,
            hash: question.hash,
            maximumSize: RepairMessage.maximumSize,
            maximumCount: RepairMessage.maximumEntries
        )
        guard let chain else { return .unavailable }
        return .entries(chain.entries.map(\.bytes), previousHash: chain.previousHash)
    }
}

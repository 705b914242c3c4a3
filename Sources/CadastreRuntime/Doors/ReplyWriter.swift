internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// When a refused request may be sent again.
struct RetryAdvice {
    /// Milliseconds until there may be room again.
    let whenOverloaded: UInt32

    /// Milliseconds after which trying again may help; 0 is no advice.
    func milliseconds(_ refusal: Refusal) -> UInt32 {
        switch refusal {
        case .overloaded: whenOverloaded
        // An election takes some hundred milliseconds; another node may know more at once.
        case .notReady, .notLeader: 50
        // Somebody has to make room.
        case .diskFull: 1_000
        case .shuttingDown, .deadlinePassed, .malformed, .unknownVerb, .tooLarge, .notSupported,
            .invalidName, .invalidKey, .invalidValue, .notPermitted, .tenantExists, .noSuchTenant,
            .tenantNotEmpty, .tenantSuspended, .bucketExists, .bucketOwnedByYou, .noSuchBucket,
            .bucketNotEmpty, .noSuchObject, .preconditionFailed, .quotaExceeded, .tooManyBuckets,
            .tooManyTenants, .tooManyGrants, .noSuchSession, .slotOutOfRange,
            .sequenceOutOfOrder, .requestReused, .tooManySessions, .clockRefused,
            .staleBucketEpoch, .staleRangeEpoch, .transferFailed, .notAVoter,
            .membersChanging, .tooManyMembers, .memberExists, .noSuchMember, .addressTaken,
            .noVoterLeft, .mustBeLearner, .notCaughtUp, .quorumUnreachable, .countryNotAllowed,
            .spreadBroken, .policyChanged, .notForWitness:
            0
        }
    }
}

/// Makes frames of what the stages answer.
struct ReplyWriter {
    /// Who belongs to the cluster, for hints.
    let roster: Roster
    /// Which of a member's addresses a hint names.
    let listener: Listener

    /// Appends the frames of a reply of a stage.
    func append(
        _ reply: OutgoingReply,
        to requestID: UInt64,
        _ advice: RetryAdvice,
        _ output: inout [UInt8]
    ) {
        switch reply.content {
        case .answer(let answer):
            Frame.append(.reply, group: 0, requestID: requestID, to: &output) { bytes in
                Self.appendAnswerHeader(reply.appliedIndex, to: &bytes)
                bytes.append(contentsOf: answer)
            }
        case .page(let page):
            // The headers of its pieces must not copy it once more. Behind others there is room, as
            // what grows then doubles.
            if output.isEmpty {
                let body = ReplyMessage.fixedSize + page.answerSize
                output.reserveCapacity(Frame.encodedSize(ofBody: body))
            }
            Frame.append(.reply, group: 0, requestID: requestID, to: &output) { bytes in
                Self.appendAnswerHeader(reply.appliedIndex, to: &bytes)
                Answer.objects(page).append(to: &bytes)
            }
        case .command(let result):
            let outcome: ReplyOutcome =
                if let refusal = result.refusal {
                    .refused(refusal, retryAfterMilliseconds: advice.milliseconds(refusal))
                } else {
                    .done(.command(result))
                }
            append(
                ReplyMessage(
                    outcome: outcome,
                    appliedIndex: reply.appliedIndex.value,
                    operation: result.refusal == nil ? 0 : UInt32(clamping: result.number)
                ),
                to: requestID,
                &output
            )
        case .digest(let report):
            let answer = AdministrationAnswer.digest(
                CadastreProtocol.DigestReport(
                    appliedIndex: report.index.value,
                    kept: report.kept,
                    computed: report.computed,
                    rows: report.rows
                )
            )
            append(
                ReplyMessage(
                    outcome: .done(.administration(answer)),
                    appliedIndex: reply.appliedIndex.value,
                    detail: report.damage ?? ""
                ),
                to: requestID,
                &output
            )
        case .transferred(let leader):
            let answer = AdministrationAnswer.leadershipTransferred(leader: leader.value)
            append(ReplyMessage(outcome: .done(.administration(answer))), to: requestID, &output)
        case .memberPlan(let plan):
            append(
                ReplyMessage(outcome: .done(.administration(.memberPlan(plan)))),
                to: requestID,
                &output
            )
        case .policyPlan(let plan):
            append(
                ReplyMessage(outcome: .done(.administration(.policyPlan(plan)))),
                to: requestID,
                &output
            )
        case .forbidden(let refusal, let detail):
            append(refusal, detail, to: requestID, advice, &output)
        case .refused(let refusal, let leader):
            append(refusal, "", leader: leader, to: requestID, advice, &output)
        case .unknown:
            append(ReplyMessage(outcome: .unknown), to: requestID, &output)
        }
    }

    /// Appends the frame of a refusal.
    func append(
        _ refusal: Refusal,
        _ detail: String,
        leader: NodeID = .none,
        to requestID: UInt64,
        _ advice: RetryAdvice,
        _ output: inout [UInt8]
    ) {
        append(
            ReplyMessage(
                outcome: .refused(refusal, retryAfterMilliseconds: advice.milliseconds(refusal)),
                leader: hint(leader),
                detail: detail
            ),
            to: requestID,
            &output
        )
    }

    /// Appends the frames of a reply.
    func append(_ message: ReplyMessage, to requestID: UInt64, _ output: inout [UInt8]) {
        Frame.append(.reply, group: 0, requestID: requestID, to: &output) {
            message.append(to: &$0)
        }
    }

    private func hint(_ leader: NodeID) -> LeaderHint? {
        guard leader != .none else { return nil }
        let member = roster.member(leader)
        let address =
            switch listener {
            case .administration: member?.administrationAddress
            case .client: member?.clientAddress
            case .peer: member?.peerAddress
            }
        return LeaderHint(node: leader.value, address: address ?? "")
    }

    /// The fixed part of a ``ReplyMessage`` that is done and followed by an answer, which is encoded
    /// already or will be once, here: as a part of a message it would be so twice.
    private static func appendAnswerHeader(_ applied: LogIndex, to bytes: inout [UInt8]) {
        bytes.append(1)
        bytes.append(RequestKind.query.rawValue)
        bytes.append(contentsOf: repeatElement(0, count: 6))
        for place in 0..<8 {
            bytes.append(UInt8(truncatingIfNeeded: applied.value >> (8 * UInt64(place))))
        }
        bytes.append(contentsOf: repeatElement(0, count: 16))
    }
}

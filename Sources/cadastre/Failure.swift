internal import CadastreClient

/// Why a verb ends without having done what was asked: what happened, why, and what to do.
struct Failure: Error, Hashable, Sendable {
    /// How the program ends.
    var status: ExitStatus
    /// What happened and why, one sentence without its full stop; already escaped.
    var what: String
    /// What to do; empty if there is nothing.
    var advice: String
    /// The reason of the cluster or of the library; nil of a failure of another kind.
    var reason: Refused.Reason?

    /// Makes a failure.
    init(_ status: ExitStatus, _ what: String, advice: String = "") {
        self.status = status
        self.what = what
        self.advice = advice
    }

    /// One sentence for a person.
    var sentence: String { advice.isEmpty ? "\(what)." : "\(what); \(advice)." }

    /// For programs.
    var json: ErrorOutput {
        ErrorOutput(error: .init(code: status.rawValue, what: what, advice: advice))
    }
}

/// What `--json` prints when a verb fails.
struct ErrorOutput: Encodable, Sendable {
    /// The failure.
    struct Content: Encodable, Sendable {
        var code: Int32
        var what: String
        var advice: String
    }

    var error: Content
}

extension Failure {
    /// A refusal of the cluster or of the library.
    init(_ refused: Refused, doing what: String) {
        let status: ExitStatus =
            switch refused.reason {
            case .unreachable, .notLeader, .notReady, .shuttingDown: .unavailable
            case .overloaded, .deadlinePassed, .diskFull, .noSuchSession, .tooManySessions,
                .clockRefused, .staleBucketEpoch, .staleRangeEpoch, .transferFailed,
                .membersChanging, .notCaughtUp, .quorumUnreachable:
                .tryAgain
            case .notPermitted, .connectionRefused: .notPermitted
            case .noSuchTenant, .noSuchBucket, .noSuchObject, .noSuchMember: .missingInput
            case .unreadableReply, .unrecognised, .sequenceOutOfOrder, .slotOutOfRange,
                .requestReused:
                .protocolFault
            case .clientClosed: .internalFault
            case .malformed, .unknownVerb, .tooLarge, .notSupported, .invalidName, .invalidKey,
                .invalidValue, .tenantExists, .tenantNotEmpty, .tenantSuspended, .bucketExists,
                .bucketOwnedByYou, .bucketNotEmpty, .preconditionFailed, .quotaExceeded,
                .tooManyBuckets, .tooManyTenants, .tooManyGrants, .notAVoter, .tooManyMembers,
                .memberExists, .addressTaken, .noVoterLeft, .mustBeLearner, .countryNotAllowed,
                .spreadBroken, .policyChanged, .notForWitness:
                .badData
            }
        self.init(
            status,
            "\(what) was refused: \(Escaped.text(refused.description))",
            advice: Self.advice(refused)
        )
        reason = refused.reason
    }

    /// The advice as the end of a sentence.
    private static func advice(_ refused: Refused) -> String {
        var sentence = refused.adviceSentence
        if sentence.last == "." { sentence.removeLast() }
        return sentence.prefix(1).lowercased() + sentence.dropFirst()
    }

    /// An outcome that nobody knows.
    init(unknown reason: String, doing what: String) {
        self.init(
            .tryAgain,
            "nobody knows whether \(what) happened: \(Escaped.text(reason))",
            advice: "look at what is stored, then try again"
        )
    }
}

extension Outcome {
    /// The value.
    ///
    /// - Throws: `Failure` if it was refused or is unknown.
    func get(doing what: String) throws(Failure) -> Value {
        switch self {
        case .done(let value): return value
        case .refused(let refused): throw Failure(refused, doing: what)
        case .unknown(let reason): throw Failure(unknown: reason, doing: what)
        }
    }
}

internal import RaftCore
internal import SwiftProtobuf

/// The policy in the schema's messages.
extension Policy {
    /// The schema's `Policy`.
    var message: Cadastre_V1_Policy {
        .with {
            $0.allowedCountries = allowedCountries
            $0.preferredLeaders = preferredLeaders
            $0.survivesOneSite = survivesOneSite
        }
    }

    /// Reads the schema's `Policy`.
    init(_ message: Cadastre_V1_Policy) {
        self.init(
            allowedCountries: message.allowedCountries,
            preferredLeaders: message.preferredLeaders,
            survivesOneSite: message.survivesOneSite
        )
    }
}

extension PolicyChange {
    /// The schema's `SetPolicy`.
    func message(isDryRun: Bool) -> Cadastre_V1_SetPolicy {
        .with {
            $0.expected = expected.message
            $0.policy = policy.message
            $0.isDryRun = isDryRun
        }
    }

    /// Reads the schema's `SetPolicy`.
    ///
    /// - Throws: `notSupported` or `invalidValue`.
    init(_ message: Cadastre_V1_SetPolicy) throws(ProtocolError) {
        guard message.expected.unknownFields.data.isEmpty,
            message.policy.unknownFields.data.isEmpty
        else { throw ProtocolError(.notSupported, "a field is not known to this version") }
        self.init(
            from: Policy(message.expected),
            to: Policy(message.policy)
        )
        try check()
    }
}

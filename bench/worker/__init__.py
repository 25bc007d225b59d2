"""The child: answers the wire's verbs. The only place where plugin targets are loaded."""

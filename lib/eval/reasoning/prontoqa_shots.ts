/** The task and two solved problems of Logic-LM's ProntoQA_CoT prompt (Pan et al., 2023; MIT). */
export const PRONTOQA_SHOTS =
  `Given a problem statement as contexts, the task is to answer a logical reasoning question. 
------
Context:
Jompuses are not shy. Jompuses are yumpuses. Each yumpus is aggressive. Each yumpus is a dumpus. Dumpuses are not wooden. Dumpuses are wumpuses. Wumpuses are red. Every wumpus is an impus. Each impus is opaque. Impuses are tumpuses. Numpuses are sour. Tumpuses are not sour. Tumpuses are vumpuses. Vumpuses are earthy. Every vumpus is a zumpus. Zumpuses are small. Zumpuses are rompuses. Max is a yumpus.

Question: Is the following statement true or false? Max is sour.

Options:
A) True
B) False

Reasoning:
Max is a yumpus. Each yumpus is a dumpus. So Max is dumpus. Dumpuses are wumpuses. So Max is wumpus. Every wumpus is an impus. So Max is an impus. Impuses are tumpuses. So Max is a tumpus. Tumpuses are not sour. So Max is not sour.

The correct option is: B
------
Context:
Every tumpus is not angry. Tumpuses are rompuses. Every numpus is not bright. Rompuses are not luminous. Rompuses are yumpuses. Yumpuses are transparent. Yumpuses are zumpuses. Each zumpus is not bitter. Zumpuses are impuses. Impuses are red. Each impus is a dumpus. Every dumpus is happy. Each dumpus is a vumpus. Vumpuses are bright. Every vumpus is a jompus. Jompuses are large. Each jompus is a wumpus. Stella is a yumpus.

Question: Is the following statement true or false? Stella is bright.

Options:
A) True
B) False

Reasoning:
Stella is a yumpus. Yumpuses are zumpuses. So Stella is a zumpus. Each zumpus is an impus. So Stella is an impus. Each impus is a dumpus. So Stella is a dumpus. Every dumpus is a vumpus. So Stella is a vumpus. Vumpuses are bright. So Stella is bright.

The correct option is: A`;
